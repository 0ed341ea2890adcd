// Bins of one or two bytes: made of features, picked at single pixels, and followed through trees. Compiled once per
// device and size of BIN: SPAN neighbouring pixels per work item, so that on a CPU their loads overlap.

#pragma OPENCL FP_CONTRACT OFF

#define PASTE(A, B) A##B
#define EXPAND(A, B) PASTE(A, B)
#define KERNEL(NAME) EXPAND(NAME, SUFFIX)

// Counts the edges that are not above a value, by halving: `edges` are filled up with infinities to 2 * half - 1. NaN is
// above none. Work items: (columns / SPAN, rows, planes) of the block or more; it
// lies in `values` from `first` on.
__kernel void KERNEL(quantise)(
    __global const float *values, const uint first, const uint pitch, const uint plane, const uint columns,
    const uint rows,
    __global const float *edges, const uint first_edge, const uint n_edges, const uint half_of_them,
    __global BIN *bins, const uint feature, const uint stride)
{
    const uint x = get_global_id(0) * SPAN, y = get_global_id(1), z = get_global_id(2);
    if (x >= columns || y >= rows)
        return;
    __global const float *row = values + first + (size_t)z * plane + (size_t)y * pitch;
    __global const float *edge = edges + first_edge;
    float value[SPAN];
    uint below[SPAN];
    for (uint p = 0; p < SPAN; p++) {
        value[p] = row[min(x + p, columns - 1u)];
        below[p] = 0;
    }
    for (uint step = half_of_them; step > 0; step >>= 1) {
        #pragma unroll
        for (uint p = 0; p < SPAN; p++)
            below[p] += edge[below[p] + step - 1] <= value[p] ? step : 0u;
    }
    __global BIN *out = bins + (size_t)feature * stride + ((size_t)z * rows + y) * columns;
    for (uint p = 0; p < SPAN; p++)
        if (x + p < columns)
            out[x + p] = (BIN)min(below[p], n_edges);
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
