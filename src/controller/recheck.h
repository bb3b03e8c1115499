// Recheck: what is wrong with a resource that was stored without our admission,
// as kubectl does it on a cluster: in its spec, in its references, in what it
// would be compiled to (resource/validate.h, beside what it refers to).
//
//   Recheck recheck(CheckDefinitions(data_dir));
//   MR_RETURN_IF_ERROR(recheck.Check(resource, store, changes));   // InvalidArgument, in a sentence
//
// A verdict is kept until the resource, or anything that it depends on, changes;
// nothing is looked up while the caller's count of changes stays the same.
// For one thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "resource/definition_check.h"
#include "resource/resource.h"
#include "resource/store.h"

namespace millrace::controller {

class Recheck {
 public:
  explicit Recheck(resource::DefinitionCheck check) : check_(std::move(check)) {}

  // Ok; InvalidArgument: what is wrong; anything else: the store could not tell.
  Status Check(const resource::Resource& resource, resource::ResourceStore& store, uint64_t changes);
  void Forget(const resource::ResourceKey& key) { verdicts_.erase(key); }

 private:
  struct Verdict {
    std::string of;        // the generations that it was made of
    std::string self;      // the resource's own
    uint64_t changes = 0;  // when it was last looked at
    Status status;
  };

  const resource::DefinitionCheck check_;
  std::map<resource::ResourceKey, Verdict> verdicts_;
};

}  // namespace millrace::controller
