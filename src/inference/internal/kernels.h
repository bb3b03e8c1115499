// Kernels for processors with AVX2 and AVX-512; null where there is none for
// those numbers. Compiled for their instruction set alone, so call them only
// after asking DetectIsa.
#pragma once

#include "inference/internal/compiled_forest.h"

namespace millrace::inference::internal {

namespace avx2 {
RowKernel ShallowRowKernel(int depth, size_t num_slots, bool one_output);
BlockKernel ShallowBlockKernel(int depth);
}  // namespace avx2

namespace avx512 {
RowKernel ShallowRowKernel(int depth, size_t num_slots, bool one_output);
BlockKernel ShallowBlockKernel(int depth);
// Both need the top levels of the trees in the shallow form.
RowKernel DeepRowKernel(size_t num_slots, bool one_output);
BlockKernel DeepBlockKernel();
}  // namespace avx512

}  // namespace millrace::inference::internal
