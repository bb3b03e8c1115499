// Discovery: which kinds the API server has, and how they are reached.
//
//   Discovery discovery(*client);
//   MR_ASSIGN_OR_RETURN(bool has_keda, discovery.Has({"keda.sh", "v1alpha1", "ScaledObject"}));
//   MR_ASSIGN_OR_RETURN(ApiResource jobs, discovery.Find({"batch", "v1", "Job"}));   // jobs.resource → paths
//
// Answers come from a cache, a group and version at a time. A kind that is missing
// is asked for again (its definition may be installed at any time), but not more
// often than every `miss_interval`, so a controller may ask on every reconcile.
// What was found is asked for again after `lifetime`. Thread safe; blocking, so not
// for the client's I/O thread. NotFound tells what is missing and what is near it;
// other failures (Unavailable, …) mean that it is unknown.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/json_fwd.h"
#include "base/status.h"
#include "kube/client.h"

namespace millrace::kube {

struct ApiResource {
  GroupVersionResource resource;
  std::string kind;
  bool namespaced = true;
  bool has_status = false;
  bool has_scale = false;
  std::vector<std::string> verbs;
  std::vector<std::string> short_names;

  bool Can(std::string_view verb) const;
};

// An APIResourceList. Pure, bounded.
Result<std::vector<ApiResource>> ParseResourceList(const Json& list);
// A group's versions of an APIGroupList (or of /api), the preferred one first.
Result<std::map<std::string, std::vector<std::string>>> ParseGroups(const Json& list);

class Discovery {
 public:
  struct Options {
    std::chrono::milliseconds miss_interval{10000};
    std::chrono::milliseconds lifetime{std::chrono::minutes(10)};
  };
  explicit Discovery(Client& client) : Discovery(client, Options()) {}
  Discovery(Client& client, Options options, const Clock& clock = SystemClock())
      : client_(client), options_(options), clock_(clock) {}

  Result<ApiResource> Find(const GroupVersionKind& kind);
  Result<bool> Has(const GroupVersionKind& kind);
  // Of a group, the preferred one first; empty when the group is not there.
  Result<std::vector<std::string>> Versions(const std::string& group);

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Known {
    bool present = false;  // the server has this group and version
    std::vector<ApiResource> resources;
    TimePoint asked;
  };

  Status Refresh(const std::string& api_version, const std::string& group, const std::string& version);

  Client& client_;
  const Options options_;
  const Clock& clock_;
  std::mutex mutex_;  // held while asking: others wait for the same answer
  std::map<std::string, Known> known_;
};

}  // namespace millrace::kube
