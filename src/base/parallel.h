// Independent tasks on a few threads.
//
//   MR_RETURN_IF_ERROR(ParallelFor(threads, files.size(), [&](size_t i) { return Read(files[i]); }));
#pragma once

#include <cstddef>
#include <functional>

#include "base/status.h"

namespace millrace {

// Runs task(0) … task(count - 1), in this order but side by side, on `threads`
// threads (0: one a core), the caller's among them. After a failure no further
// task begins. Returns the failure of the first task, in order, that failed.
Status ParallelFor(int threads, size_t count, const std::function<Status(size_t)>& task);

}  // namespace millrace
