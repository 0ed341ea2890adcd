// Forests as data. Compiled once per device: LANES pixels per vector, VECTORS vectors per work item, GROUP work items
// per group. Bins are (features, stride), stride a multiple of
// LANES * VECTORS * GROUP; votes are (classes, stride) and are added to.

#pragma OPENCL FP_CONTRACT OFF

#if LANES == 16
typedef uchar16 bytes;
typedef ushort16 shorts;
#define WIDEN(x) convert_ushort16(x)
#else
// Vectors as wide as the registers of a CPU; only for compilers that are known to have them.
typedef uchar bytes __attribute__((ext_vector_type(LANES)));
typedef ushort shorts __attribute__((ext_vector_type(LANES)));
#define WIDEN(x) __builtin_convertvector(x, shorts)
#endif

#define STACK 10
#define ITEM (LANES * VECTORS)

#define LEAF_LEAF 0
#define LEAF_NODE 1
#define NODE_LEAF 2
#define NODE_NODE 3
#define NODE_NODE_RIGHT_FIRST 4
#define CONSTANT 5

// One instruction of a tree. A node blends what its two sides have on the stack, or a leaf's byte, by `bin > threshold`.
#define BLEND(ABOVE, BELOW) \
    { \
        __local bytes *row = stack + top * VECTORS * GROUP + lane; \
        for (uint v = 0; v < VECTORS; v++) { \
            const bytes bin = source[v * GROUP]; \
            row[v * GROUP] = (bin > threshold) ? (ABOVE) : (BELOW); \
        } \
        break; \
    }
#define LOWER row[v * GROUP]
#define UPPER row[(VECTORS + v) * GROUP]

// Runs the instructions of one tree after the other; the statement at the end of a tree is the macro's argument.
#define EVALUATE(END_OF_TREE) \
    int top = -1; \
    for (uint k = first; k < last; k++) { \
        const uint2 word = code[k]; \
        __global const bytes *source = (__global const bytes *)(bins + (size_t)(word.x & 0xffffffu) * stride + start); \
        const bytes threshold = (bytes)((uchar)(word.y & 255u)); \
        const bytes left = (bytes)((uchar)((word.y >> 8) & 255u)); \
        const bytes right = (bytes)((uchar)((word.y >> 16) & 255u)); \
        switch (word.x >> 24) { \
        case LEAF_LEAF: top++; BLEND(right, left) \
        case LEAF_NODE: BLEND(LOWER, left) \
        case NODE_LEAF: BLEND(right, LOWER) \
        case NODE_NODE: top--; BLEND(UPPER, LOWER) \
        case NODE_NODE_RIGHT_FIRST: top--; BLEND(LOWER, UPPER) \
        case CONSTANT: top++; BLEND(left, left) \
        default: { \
            __local bytes *row = stack + lane; \
            for (uint v = 0; v < VECTORS; v++) END_OF_TREE \
            top = -1; \
        } \
        } \
    }

// Whole-number votes of one class, passed on by the trees themselves; at most 256 trees, so that shorts suffice.
// The class `rest` gets what is left of `total`, for the first class evaluated, and loses what the others get.
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1)))
void vote_in_bytes(
    __global const uchar *bins, const uint stride, __global const uint2 *code, const uint first, const uint last,
    const uint class_number, const uint rest, const float total, __global float *votes)
{
    __local bytes stack[STACK * VECTORS * GROUP];
    __local shorts sums[VECTORS * GROUP];
    const uint lane = get_local_id(0);
    const uint start = get_group_id(0) * ITEM * GROUP + lane * LANES;
    for (uint v = 0; v < VECTORS; v++)
        sums[v * GROUP + lane] = (shorts)(0);
    EVALUATE(sums[v * GROUP + lane] += WIDEN(row[v * GROUP]);)
    for (uint v = 0; v < VECTORS; v++) {
        __local const ushort *sum = (__local const ushort *)(sums + v * GROUP + lane);
        for (uint i = 0; i < LANES; i++) {
            const uint pixel = start + v * LANES * GROUP + i;
            votes[(size_t)class_number * stride + pixel] += (float)sum[i];
            votes[(size_t)rest * stride + pixel] += total - (float)sum[i];
        }
    }
}

// Votes of any kind: the trees pass on numbers of leaves, which pick four classes' weights at a time. `leaves` holds
// the first leaf of each tree.
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1)))
void vote_by_leaves(
    __global const uchar *bins, const uint stride, __global const uint2 *code, const uint first, const uint last,
    __global const uint *leaves, const uint first_tree, __global const float4 *weights, const uint first_class,
    const uint n_classes, __global float *votes)
{
    __local bytes stack[STACK * VECTORS * GROUP];
    const uint lane = get_local_id(0);
    const uint start = get_group_id(0) * ITEM * GROUP + lane * LANES;
    float4 sums[ITEM];
    uint tree = first_tree;
    __global const float4 *table = weights + leaves[tree];
    for (uint i = 0; i < ITEM; i++)
        sums[i] = (float4)(0);
    EVALUATE({
        __local const uchar *leaf = (__local const uchar *)(row + v * GROUP);
        for (uint i = 0; i < LANES; i++)
            sums[v * LANES + i] += table[leaf[i]];
        if (v == VECTORS - 1)
            table = weights + leaves[++tree];
    })
    for (uint v = 0; v < VECTORS; v++)
        for (uint i = 0; i < LANES; i++) {
            const uint pixel = start + v * LANES * GROUP + i;
            const float4 sum = sums[v * LANES + i];
            __global float *out = votes + (size_t)first_class * stride + pixel;
            out[0] += sum.x;
            if (first_class + 1 < n_classes) out[stride] += sum.y;
            if (first_class + 2 < n_classes) out[2 * (size_t)stride] += sum.z;
            if (first_class + 3 < n_classes) out[3 * (size_t)stride] += sum.w;
        }
}

// What votes say, in one pass: the class with most of them (the lower of equals), how much its share is above that of
// the second, and the shares of all.
#define VOTES __global const float *votes, const uint stride, const uint n_classes, const uint n
#define COUNT \
    const uint i = get_global_id(0); \
    if (i >= n) \
        return; \
    float first = votes[i], second = 0, total = first; \
    uint number = 0; \
    for (uint c = 1; c < n_classes; c++) { \
        const float vote = votes[(size_t)c * stride + i]; \
        total += vote; \
        if (vote > first) { \
            second = first; \
            first = vote; \
            number = c; \
        } else if (vote > second) \
            second = vote; \
    }

__kernel void classes(VOTES, __global ushort *result)
{
    COUNT
    result[i] = (ushort)number;
}

__kernel void margin(VOTES, __global float *result)
{
    COUNT
    result[i] = total > 0 ? (first - second) * (1 / total) : 0.0f;
}

__kernel void probabilities(VOTES, __global float *result)
{
    COUNT
    for (uint c = 0; c < n_classes; c++)
        result[(size_t)c * n + i] = votes[(size_t)c * stride + i] / total;
}

__kernel void clear(__global uint *words, const uint n)
{
    const uint i = get_global_id(0);
    if (i < n)
        words[i] = 0;
}
