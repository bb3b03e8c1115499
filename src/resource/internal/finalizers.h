// Whose finalizers are whose. Those of millrace.dev belong to the controllers:
// they hold a resource until what was made for it is gone, so a program that
// replaces a resource without naming them neither takes them away nor adds any.
// Others' are replaced as in the Kubernetes API. Internal to the stores. Pure.
//
//   after.metadata.finalizers = FinalizersOf(before.metadata.finalizers, wanted.metadata.finalizers,
//   options);
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "resource/resource.h"
#include "resource/store.h"

namespace millrace::resource {

// Those that a write leaves on a resource which had `before`, in that order, new ones last.
std::vector<std::string> FinalizersOf(const std::vector<std::string>& before,
                                      const std::vector<std::string>& wanted, const WriteOptions& options);

// Conflict when the spec of what is being deleted would change: nobody would act on it any more.
Status CheckSpecStays(const Resource& before, const Resource& after);

}  // namespace millrace::resource
