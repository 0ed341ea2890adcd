// Bins of one or two bytes: made of features, picked at single pixels, and followed through trees. Compiled once per
// device and size of BIN: SPAN neighbouring pixels per work item, so that on a CPU their loads overlap.

#pragma OPENCL FP_CONTRACT OFF

#define PASTE(A, B) A##B
#define EXPAND(A, B) PASTE(A, B)
#define KERNEL(NAME) EXPAND(NAME, SUFFIX)

// A whole number that grows with a float, by about the same for each factor of two.
int ordered(const float value)
{
    const int bits = as_int(value);
    return bits >= 0 ? bits : -(bits & 0x7fffffff);
}

// Counts the edges that are not above a value; NaN is above none. A table over cells of the edges' range, of equal width
// (`scale` above 0) or of equal ratio, tells how many edges lie in earlier cells than a value's; the edges of its cell,
// `most` at most, are compared. Behind the last edge there is NaN. Work items: (columns / SPAN, rows, planes) of the
// block or more; it lies in `values` from `first` on.
__kernel void KERNEL(quantise)(
    __global const float *values, const uint first, const uint pitch, const uint plane, const uint columns,
    const uint rows, __global const float *edges, const uint first_edge, __global const ushort *cells,
    const uint first_cell, const uint most, const float lowest, const float highest, const float scale,
    const uint shift, __global BIN *bins, const uint feature, const uint stride)
{
    const uint x = get_global_id(0) * SPAN, y = get_global_id(1), z = get_global_id(2);
    if (x >= columns || y >= rows)
        return;
    __global const float *row = values + first + (size_t)z * plane + (size_t)y * pitch;
    __global const float *edge = edges + first_edge;
    __global const ushort *before = cells + first_cell;
    float value[SPAN];
    uint below[SPAN];
    #pragma unroll
    for (uint p = 0; p < SPAN; p++) {
        value[p] = row[min(x + p, columns - 1u)];
        const float above = value[p] > lowest ? value[p] : lowest;
        const float inside = above < highest ? above : highest;
        const uint cell = scale > 0 ? (uint)((inside - lowest) * scale)
                                    : ((uint)ordered(inside) - (uint)ordered(lowest)) >> shift;
        below[p] = before[cell];
    }
    for (uint step = 0; step < most; step++) {
        #pragma unroll
        for (uint p = 0; p < SPAN; p++)
            below[p] += edge[below[p]] <= value[p] ? 1u : 0u;
    }
    __global BIN *out = bins + (size_t)feature * stride + ((size_t)z * rows + y) * columns;
    for (uint p = 0; p < SPAN; p++)
        if (x + p < columns)
            out[x + p] = (BIN)below[p];
}

// Bins of chosen pixels, (pixels, features). Work items: (pixels or more, features).
__kernel void KERNEL(gather)(
    __global const BIN *bins, const uint stride, __global const uint *pixels, const uint n,
    __global BIN *out)
{
    const uint i = get_global_id(0), feature = get_global_id(1);
    if (i >= n)
        return;
    out[(size_t)i * get_global_size(1) + feature] = bins[(size_t)feature * stride + pixels[i]];
}

// Trees of any size. The two children of a node lie side by side, a leaf is its own child: every pixel takes as many
// steps as the tree is deep. Votes are (classes, stride) and are added to, four classes at a time.
__kernel void KERNEL(walk)(
    __global const BIN *bins, const uint stride, __global const uint2 *nodes, __global const uint2 *roots,
    const uint first, const uint last, __global const float4 *weights, const uint first_class, const uint n_classes,
    __global float *votes)
{
    const uint start = get_global_id(0) * SPAN;
    float4 sums[SPAN];
    uint at[SPAN];
    for (uint p = 0; p < SPAN; p++)
        sums[p] = (float4)(0);
    for (uint tree = first; tree < last; tree++) {
        const uint2 root = roots[tree];
        for (uint p = 0; p < SPAN; p++)
            at[p] = root.x;
        for (uint step = 0; step < root.y; step++) {
            #pragma unroll
            for (uint p = 0; p < SPAN; p++) {
                const uint2 node = nodes[at[p]];
                const uint bin = bins[(size_t)(node.x >> 16) * stride + start + p];
                at[p] = node.y + (bin > (node.x & 0xffffu) ? 1u : 0u);
            }
        }
        for (uint p = 0; p < SPAN; p++)
            sums[p] += weights[at[p]];
    }
    for (uint p = 0; p < SPAN; p++) {
        __global float *out = votes + (size_t)first_class * stride + start + p;
        out[0] += sums[p].x;
        if (first_class + 1 < n_classes) out[stride] += sums[p].y;
        if (first_class + 2 < n_classes) out[2 * (size_t)stride] += sums[p].z;
        if (first_class + 3 < n_classes) out[3 * (size_t)stride] += sums[p].w;
    }
}
