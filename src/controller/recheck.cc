#include "controller/recheck.h"

#include <algorithm>
#include <set>

#include "base/json.h"
#include "base/text.h"
#include "resource/admit.h"
#include "resource/validate.h"

namespace millrace::controller {
namespace {

using resource::Resource;
using resource::ResourceKey;

constexpr size_t kMostNames = 1000;  // that are compared with one that is not there

// What a resource refers to, directly or not; in place of what is missing all of its kind, whose names may be
// near it.
Result<std::vector<Resource>> DependenciesOf(const Resource& resource, resource::ResourceStore& store) {
  std::vector<Resource> found;
  std::set<ResourceKey> seen = {resource.Key()};
  std::vector<ResourceKey> open = resource::References(resource);
  while (!open.empty()) {
    const ResourceKey key = open.back();
    open.pop_back();
    if (!seen.insert(key).second) continue;
    Result<Resource> one = store.Get(key);
    if (one.status().code() == Code::kNotFound) {
      MR_ASSIGN_OR_RETURN(resource::ResourceList like,
                          store.List({.kind = key.kind, .project = key.project, .limit = kMostNames}));
      for (Resource& other : like.items) {
        if (seen.insert(other.Key()).second) found.push_back(std::move(other));
      }
      continue;
    }
    MR_RETURN_IF_ERROR(one.status());
    for (ResourceKey& further : resource::References(*one)) open.push_back(std::move(further));
    found.push_back(std::move(*one));
  }
  std::sort(found.begin(), found.end(),
            [](const Resource& a, const Resource& b) { return a.Key() < b.Key(); });
  return found;
}

// Its generation, and for a source the version of its table: columns are looked up there.
std::string StateOf(const Resource& resource) {
  return fmt::format(
      "{}@{}/{}{} ", resource.metadata.uid, resource.metadata.generation,
      resource.metadata.deletion_time.has_value(),
      FormatJson(resource.kind == "DataSource" ? resource::ValueAt(resource.status, "snapshot") : Json()));
}

// The first few problems in one sentence each; a condition has no room for more.
Status Sentence(const resource::Diagnostics& wrong) {
  constexpr size_t kShown = 5;
  std::vector<std::string> parts;
  for (const resource::Diagnostic& one : wrong.items()) {
    if (parts.size() == kShown) {
      parts.push_back(fmt::format("and {} more", wrong.size() - kShown));
      break;
    }
    parts.push_back(one.field.empty() ? one.message : fmt::format("{}: {}", one.field, one.message));
  }
  return InvalidArgument("{}", Join(parts, "; "));
}

}  // namespace

Status Recheck::Check(const Resource& resource, resource::ResourceStore& store, uint64_t changes) {
  const std::string self = StateOf(resource);
  const auto known = verdicts_.find(resource.Key());
  if (known != verdicts_.end() && known->second.changes == changes && known->second.self == self)
    return known->second.status;
  MR_ASSIGN_OR_RETURN(const std::vector<Resource> beside, DependenciesOf(resource, store));
  std::string of = self;
  for (const Resource& one : beside) of += StateOf(one);
  if (known != verdicts_.end() && known->second.of == of) {
    known->second.changes = changes;
    return known->second.status;
  }
  const resource::Diagnostics wrong = resource::ValidateWrite(beside, {resource}, check_);
  Status status = wrong.empty() ? Ok() : Sentence(wrong);
  verdicts_[resource.Key()] = {std::move(of), self, changes, status};
  return status;
}

}  // namespace millrace::controller
