// Pixel features. Compiled once per device: SPAN neighbouring pixels per work item, VECTORS times as many where said so.
//
// A volume is float32 with rows of `pitch` floats, some more behind the last: `size` is (columns, rows, planes, pitch).
// It holds a part of an image, cut off at the image's edge: what is read outside a volume is its nearest pixel. A result
// begins `offset` (x, y, z) pixels from the beginning of what it is made of, and has its size in `shape`. Every value is
// made by the same operations, in the same order, as by the kernels of the NumPy engine. There may be more work items
// than values, so that groups have one size on all images: drivers compile kernels anew for each size of groups.

#pragma OPENCL FP_CONTRACT OFF

#if SPAN == 16
typedef float16 floats;
#define LOAD(P) vload16(0, P)
#define STORE(V, P) vstore16(V, 0, P)
#elif SPAN == 8
typedef float8 floats;
#define LOAD(P) vload8(0, P)
#define STORE(V, P) vstore8(V, 0, P)
#else
typedef float floats;
#define LOAD(P) (*(P))
#define STORE(V, P) (*(P) = (V))
#endif

// The pixels x… of a row; only the first `used` of them matter.
floats load(__global const float *volume, const int4 size, const int x, const int y, const int z, const int used)
{
    __global const float *row =
        volume + ((size_t)clamp(z, 0, size.z - 1) * size.y + clamp(y, 0, size.y - 1)) * size.w;
    if (x >= 0 && x + used <= size.x)
        return LOAD(row + x);
#if SPAN == 1
    return row[clamp(x, 0, size.x - 1)];
#else
    float lanes[SPAN];
    for (int i = 0; i < SPAN; i++)
        lanes[i] = row[clamp(x + i, 0, size.x - 1)];
    return LOAD(lanes);
#endif
}

// Where a work item is, in the result and in what it is made of.
#define PLACE PLACE_OF(SPAN)
#define PLACE_OF(N) \
    const int column = (int)get_global_id(0) * (N), row = get_global_id(1), plane = get_global_id(2); \
    if (column >= shape.x || row >= shape.y) \
        return; \
    const int used = min(N, shape.x - column); \
    const int x = column + offset.x, y = row + offset.y, z = plane + offset.z; \
    const size_t to = ((size_t)plane * shape.y + row) * shape.w + column;
#define PIXELS __global const float *volume, const int4 size
#define RESULT const int4 offset, __global float *result, const int4 shape
#define AT(DX, DY, DZ) load(volume, size, x + (DX), y + (DY), z + (DZ), used)

// The mean along `axis`, a unit vector, weighted by 2 * radius + 1 weights that add up to `total`. Several vectors per
// work item: their sums do not wait for each other.
__kernel void weigh(
    PIXELS, RESULT, __global const float *weights, const int radius, const int4 axis, const float total,
    const float one_of_total)
{
    PLACE_OF(SPAN * VECTORS)
    floats sums[VECTORS];
    const int place = x * axis.x + y * axis.y + z * axis.z, end = place + (used - 1) * axis.x;
    if (place >= radius && end + radius < size.x * axis.x + size.y * axis.y + size.z * axis.z) {
        const size_t step = axis.x + (size_t)size.w * (axis.y + size.y * axis.z);
        __global const float *from = volume + ((size_t)z * size.y + y) * size.w + x - radius * step;
        for (int v = 0; v < VECTORS; v++)
            sums[v] = weights[0] * LOAD(from + v * SPAN);
        for (int k = 1; k <= 2 * radius; k++) {
            from += step;
            const floats weight = weights[k];
            #pragma unroll
            for (int v = 0; v < VECTORS; v++)
                sums[v] = fma(weight, LOAD(from + v * SPAN), sums[v]);
        }
    } else
        for (int v = 0; v < VECTORS; v++) {
            const int of_these = min(SPAN, used - v * SPAN);
            for (int k = 0; k <= 2 * radius && of_these > 0; k++) {
                const int4 d = (k - radius) * axis;
                const floats pixels = load(volume, size, x + v * SPAN + d.x, y + d.y, z + d.z, of_these);
                sums[v] = k == 0 ? weights[0] * pixels : fma((floats)(weights[k]), pixels, sums[v]);
            }
        }
    // The quotient, rounded right: its reciprocal gives one that is off by a bit at most, the remainder the rest.
    for (int v = 0; v < VECTORS && v * SPAN < used; v++) {
        const floats quotient = sums[v] * one_of_total;
        const floats rest = fma(-quotient, (floats)(total), sums[v]);
        STORE(fma(rest, (floats)(one_of_total), quotient), result + to + v * SPAN);
    }
}

// The result less another volume of the same shape.
__kernel void subtract(__global float *result, __global const float *other, const int4 shape)
{
    const int4 offset = (int4)(0);
    PLACE
    STORE(LOAD(result + to) - LOAD(other + to), result + to);
}

__kernel void laplace_plane(PIXELS, RESULT)
{
    PLACE
    const floats value = AT(0, 0, 0) * 8.0f - AT(1, 0, 0) - AT(-1, 0, 0) - AT(0, -1, 0) - AT(0, 1, 0);
    STORE(value - AT(-1, -1, 0) - AT(1, -1, 0) - AT(-1, 1, 0) - AT(1, 1, 0), result + to);
}

__kernel void laplace_stack(PIXELS, RESULT)
{
    PLACE
    floats total = 0.0f;
    for (int dz = -1; dz <= 1; dz++)
        for (int dy = -1; dy <= 1; dy++)
            total += AT(-1, dy, dz) + AT(0, dy, dz) + AT(1, dy, dz);
    STORE(fma((floats)(27.0f), AT(0, 0, 0), -total), result + to);
}

__kernel void sobel_plane(PIXELS, RESULT, const float4 scale)
{
    PLACE
    const floats a0 = AT(-1, -1, 0), a1 = AT(0, -1, 0), a2 = AT(1, -1, 0);
    const floats b0 = AT(-1, 0, 0), b2 = AT(1, 0, 0);
    const floats c0 = AT(-1, 1, 0), c1 = AT(0, 1, 0), c2 = AT(1, 1, 0);
    const floats dx = (-a0 - 2.0f * b0 - c0 + a2 + 2.0f * b2 + c2) * scale.x;
    const floats dy = (-a0 - 2.0f * a1 - a2 + c0 + 2.0f * c1 + c2) * scale.y;
    STORE(sqrt(fma(dx, dx, dy * dy)), result + to);
}

__kernel void sobel_stack(PIXELS, RESULT, const float4 scale)
{
    PLACE
    floats dx = 0.0f, dy = 0.0f, dz = 0.0f;
    for (int i = -1; i <= 1; i++)
        for (int j = -1; j <= 1; j++) {
            const float w = (float)((2 - abs(i)) * (2 - abs(j)));
            dz += w * (AT(j, i, 1) - AT(j, i, -1));
            dy += w * (AT(j, 1, i) - AT(j, -1, i));
            dx += w * (AT(1, j, i) - AT(-1, j, i));
        }
    dz *= scale.z;
    dy *= scale.y;
    dx *= scale.x;
    STORE(sqrt(fma(dx, dx, fma(dz, dz, dy * dy))), result + to);
}

// The smaller (0) or larger (1) eigenvalue of ((a, b), (b, c)).
floats eigenvalue_of_two(const floats a, const floats b, const floats c, const int which)
{
    const floats trace = a + c;
    const floats root = sqrt(4.0f * b * b + (a - c) * (a - c));
    return which == 0 ? 0.5f * trace - 0.5f * root : 0.5f * trace + 0.5f * root;
}

__kernel void hessian_plane(PIXELS, RESULT, const float4 scale, const int which)
{
    PLACE
    const floats centre = AT(0, 0, 0);
    const floats xx = (AT(-1, 0, 0) - 2.0f * centre + AT(1, 0, 0)) * scale.x * scale.x;
    const floats yy = (AT(0, -1, 0) - 2.0f * centre + AT(0, 1, 0)) * scale.y * scale.y;
    const floats xy =
        (AT(-1, -1, 0) + AT(1, 1, 0) - AT(-1, 1, 0) - AT(1, -1, 0)) * 0.25f * scale.x * scale.y;
    STORE(eigenvalue_of_two(xx, xy, yy, which), result + to);
}

// The product of the central differences along two axes, given as unit vectors.
__kernel void gradient_product(
    PIXELS, RESULT, const int4 a, const float scale_a, const int4 b, const float scale_b)
{
    PLACE
    const floats da = (AT(a.x, a.y, a.z) - AT(-a.x, -a.y, -a.z)) * 0.5f * scale_a;
    const floats db = (AT(b.x, b.y, b.z) - AT(-b.x, -b.y, -b.z)) * 0.5f * scale_b;
    STORE(da * db, result + to);
}

__kernel void tensor_plane(
    __global const float *yy, __global const float *xx, __global const float *yx, __global float *result,
    const int4 shape, const int which)
{
    const int4 offset = (int4)(0);
    PLACE
    STORE(eigenvalue_of_two(LOAD(yy + to), LOAD(yx + to), LOAD(xx + to), which), result + to);
}

// How far the brightest (sign 1) or darkest (-1) of the lines through a pixel is from their mean. `points` are
// (lines, points, 4) offsets in x, y and z.
__kernel void line_contrast(
    PIXELS, RESULT, __global const int4 *points, const int n_lines, const int n_points, const float sign)
{
    PLACE
    floats total = 0.0f, best = -INFINITY;
    for (int line = 0; line < n_lines; line++) {
        floats value = 0.0f;
        for (int p = 0; p < n_points; p++) {
            const int4 d = points[line * n_points + p];
            value += AT(d.x, d.y, d.z);
        }
        value *= sign;
        total += value;
        best = fmax(best, value);
    }
    STORE((best - total / (float)n_lines) / (float)n_points, result + to);
}

// The smallest (sign 1) or largest (-1) pixel along `axis`.
__kernel void extremum(PIXELS, RESULT, const int radius, const int4 axis, const float sign)
{
    PLACE
    floats least = INFINITY;
    for (int k = -radius; k <= radius; k++)
        least = fmin(least, sign * AT(k * axis.x, k * axis.y, k * axis.z));
    STORE(sign * least, result + to);
}

// The median of a box, bit by bit: floats are ordered like the unsigned integers that `ordered` makes of them.
uint ordered(const float value)
{
    const uint bits = as_uint(value);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

__kernel void median(PIXELS, RESULT, const int4 radius)
{
    PLACE_OF(1)
    const uint rank = (uint)(2 * radius.x + 1) * (2 * radius.y + 1) * (2 * radius.z + 1) / 2;
    uint found = 0;
    for (int bit = 31; bit >= 0; bit--) {
        const uint candidate = found | 1u << bit;
        uint below = 0;
        for (int dz = -radius.z; dz <= radius.z; dz++)
            for (int dy = -radius.y; dy <= radius.y; dy++) {
                __global const float *line = volume
                    + ((size_t)clamp(z + dz, 0, size.z - 1) * size.y + clamp(y + dy, 0, size.y - 1)) * size.w;
                for (int dx = -radius.x; dx <= radius.x; dx++)
                    below += ordered(line[clamp(x + dx, 0, size.x - 1)]) < candidate ? 1u : 0u;
            }
        if (below <= rank)
            found = candidate;
    }
    result[to] = as_float(found & 0x80000000u ? found ^ 0x80000000u : ~found);
}

#ifdef cl_khr_fp64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable

// Features that take the small difference of large numbers, where the device has numbers of 64 bits.

double one(__global const float *volume, const int4 size, const int x, const int y, const int z)
{
    return volume[((size_t)clamp(z, 0, size.z - 1) * size.y + clamp(y, 0, size.y - 1)) * size.w
        + clamp(x, 0, size.x - 1)];
}
#define ONE(DX, DY, DZ) one(volume, size, x + (DX), y + (DY), z + (DZ))

// Eigenvalue 0 (smallest), 1 or 2 of ((a, d, e), (d, b, f), (e, f, c)).
float eigenvalue_of_three(double a, double b, double c, double d, double e, double f, const int which)
{
    const double mean = (a + b + c) / 3;
    const double p = sqrt(
        ((a - mean) * (a - mean) + (b - mean) * (b - mean) + (c - mean) * (c - mean)
         + 2 * (d * d + e * e + f * f)) / 6);
    if (p == 0)
        return (float)mean;
    a = (a - mean) / p;
    b = (b - mean) / p;
    c = (c - mean) / p;
    d /= p;
    e /= p;
    f /= p;
    const double half_det = (a * (b * c - f * f) - d * (d * c - f * e) + e * (d * f - b * e)) / 2;
    const double angle = acos(fmin(1.0, fmax(-1.0, half_det))) / 3;
    const double large = mean + 2 * p * cos(angle);
    const double small = mean + 2 * p * cos(angle + 2 * M_PI / 3);
    return (float)(which == 0 ? small : which == 2 ? large : 3 * mean - large - small);
}

__kernel void hessian_stack(PIXELS, RESULT, const float4 scale, const int which)
{
    PLACE_OF(1)
    const double fx = scale.x, fy = scale.y, fz = scale.z, twice = 2 * ONE(0, 0, 0);
    const double zz = (ONE(0, 0, -1) + ONE(0, 0, 1) - twice) * fz * fz;
    const double yy = (ONE(0, -1, 0) + ONE(0, 1, 0) - twice) * fy * fy;
    const double xx = (ONE(-1, 0, 0) + ONE(1, 0, 0) - twice) * fx * fx;
    const double zy = (ONE(0, -1, -1) + ONE(0, 1, 1) - ONE(0, 1, -1) - ONE(0, -1, 1)) * 0.25 * fz * fy;
    const double zx = (ONE(-1, 0, -1) + ONE(1, 0, 1) - ONE(1, 0, -1) - ONE(-1, 0, 1)) * 0.25 * fz * fx;
    const double yx = (ONE(-1, -1, 0) + ONE(1, 1, 0) - ONE(1, -1, 0) - ONE(-1, 1, 0)) * 0.25 * fy * fx;
    result[to] = eigenvalue_of_three(zz, yy, xx, zy, zx, yx, which);
}

__kernel void tensor_stack(
    __global const float *yy, __global const float *xx, __global const float *yx, __global const float *zz,
    __global const float *zy, __global const float *zx, __global float *result, const int4 shape, const int which)
{
    const int4 offset = (int4)(0);
    PLACE_OF(1)
    result[to] = eigenvalue_of_three(zz[to], yy[to], xx[to], zy[to], zx[to], yx[to], which);
}

// Mean along an axis, of pixels, of their squares, or of what an earlier pass gave; volumes of doubles.
__kernel void widen(__global const float *volume, __global double *result, const int4 shape, const int squared)
{
    const int4 offset = (int4)(0);
    PLACE_OF(1)
    const double value = volume[to];
    result[to] = squared ? value * value : value;
}

__kernel void mean_along(
    __global const double *volume, const int4 size, const int4 offset, __global double *result, const int4 shape,
    const int radius, const int4 axis, const double weight)
{
    PLACE_OF(1)
#define WIDE(K) volume[((size_t)clamp(z + (K) * axis.z, 0, size.z - 1) * size.y \
    + clamp(y + (K) * axis.y, 0, size.y - 1)) * size.w + clamp(x + (K) * axis.x, 0, size.x - 1)]
    double sum = WIDE(0) * weight;
    for (int k = radius; k > 0; k--)
        sum += (WIDE(-k) + WIDE(k)) * weight;
    result[to] = sum;
}

__kernel void from_moments(
    __global const double *mean, __global const double *square, __global float *result, const int4 shape,
    const int deviation)
{
    const int4 offset = (int4)(0);
    PLACE_OF(1)
    const double m = mean[to];
    result[to] = (float)(deviation ? sqrt(fmax(square[to] - m * m, 0.0)) : m);
}
#endif
