#include "resource/internal/finalizers.h"

#include <algorithm>

#include "resource/kind.h"

namespace millrace::resource {
namespace {

bool Has(const std::vector<std::string>& finalizers, const std::string& finalizer) {
  return std::find(finalizers.begin(), finalizers.end(), finalizer) != finalizers.end();
}

}  // namespace

std::vector<std::string> FinalizersOf(const std::vector<std::string>& before,
                                      const std::vector<std::string>& wanted, const WriteOptions& options) {
  if (options.owns_finalizers) return wanted;
  const std::string ours = std::string(kGroup) + "/";
  std::vector<std::string> kept;
  for (const std::string& finalizer : before) {
    if (finalizer.starts_with(ours) || Has(wanted, finalizer)) kept.push_back(finalizer);
  }
  for (const std::string& finalizer : wanted) {
    if (!finalizer.starts_with(ours) && !Has(kept, finalizer)) kept.push_back(finalizer);
  }
  return kept;
}

Status CheckSpecStays(const Resource& before, const Resource& after) {
  if (!before.metadata.deletion_time || before.spec == after.spec) return Ok();
  return Conflict("{} is being deleted: its spec cannot be changed; apply it again once it is gone",
                  before.Key().ToString());
}

}  // namespace millrace::resource
