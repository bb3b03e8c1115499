// Request: one call of the Kubernetes API as a value, and the functions that
// make one for each verb. Pure: nothing is sent here; Client::Do sends.
//
//   Request r = ApplyRequest(object_name, manifest, {.field_manager = "millrace", .force = true});
//
// A name or body that cannot be sent leaves `problem` set, and the client then
// returns it without sending anything; so calls chain without a check between.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/json_fwd.h"
#include "base/status.h"
#include "kube/resource_name.h"

namespace millrace::kube {

// Who goes first when calls queue for the client's rate or connections.
enum class Priority : uint8_t {
  kLease,   // leadership depends on it; not limited by rate
  kStatus,  // what people and controllers wait to see
  kNormal,
  kBulk,  // lists of informers, clean-up
};

struct CallOptions {
  Priority priority = Priority::kNormal;
  std::chrono::milliseconds timeout{30000};  // of the whole call, waiting and retries included
};

struct Request {
  std::string verb = "get";  // as RBAC names it; "apply" for a server-side apply
  std::string method = "GET";
  std::string path = {};
  std::vector<std::pair<std::string, std::string>> query = {};
  std::string body = {};
  std::string content_type = "application/json";
  std::string accept = "application/json";
  std::string what = {};   // for sentences: `jobs.batch "train-7" in namespace "team-a"`
  bool idempotent = true;  // may be sent again when it is unknown whether it arrived
  CallOptions call = {};
  Status problem = {};

  // Path and query, encoded.
  std::string Target() const;
};

struct ListOptions {
  std::string label_selector = {};    // "app=web,tier!=test"
  std::string field_selector = {};    // "spec.nodeName=node-1"
  std::string resource_version = {};  // "": the newest; "0": whatever the server's cache has
  int64_t limit = 500;                // objects a page; 0 is all in one
  std::string continue_token = {};    // of the page before
};

struct WriteOptions {
  std::string field_manager = "millrace";
  bool dry_run = false;
};

struct ApplyOptions {
  std::string field_manager = "millrace";
  bool force = false;  // takes fields over from other managers; else they are a Conflict
  bool dry_run = false;
};

enum class PatchType : uint8_t { kMerge, kJson, kStrategicMerge };

enum class Propagation : uint8_t { kDefault, kBackground, kForeground, kOrphan };

struct DeleteOptions {
  Propagation propagation = Propagation::kDefault;
  std::string uid = {};               // precondition; a Conflict when it is another object by now
  std::string resource_version = {};  // precondition
  int64_t grace_seconds = -1;         // below 0: the object's own
  bool dry_run = false;
};

Request GetRequest(const ObjectName& object, CallOptions call = {});
Request ListRequest(const GroupVersionResource& resource, const std::string& ns,
                    const ListOptions& options = {}, CallOptions call = {});
// `body` without a namespace of its own; the name is the body's, or generateName's.
Request CreateRequest(const GroupVersionResource& resource, const std::string& ns, const Json& body,
                      const WriteOptions& options = {}, CallOptions call = {});
// POST to a subresource: a ServiceAccount's "token", a Pod's "eviction".
Request CreateSubresourceRequest(const ObjectName& object, const Json& body, CallOptions call = {});
// PUT. With metadata.resourceVersion in the body, another writer is a Conflict.
Request ReplaceRequest(const ObjectName& object, const Json& body, const WriteOptions& options = {},
                       CallOptions call = {});
Request PatchRequest(const ObjectName& object, PatchType type, const Json& patch,
                     const WriteOptions& options = {}, CallOptions call = {});
// Server-side apply: makes the object or sets exactly these fields.
Request ApplyRequest(const ObjectName& object, const Json& body, const ApplyOptions& options = {},
                     CallOptions call = {});
Request DeleteRequest(const ObjectName& object, const DeleteOptions& options = {}, CallOptions call = {});
// All objects of a namespace that a selector names.
Request DeleteCollectionRequest(const GroupVersionResource& resource, const std::string& ns,
                                const ListOptions& which, const DeleteOptions& options = {},
                                CallOptions call = {});
// GET of a path as it stands: "/version", "/openapi/v3".
Request RawRequest(const std::string& path, CallOptions call = {});

struct WatchParameters {
  std::string label_selector = {};
  std::string field_selector = {};
  std::string resource_version = {};
  std::chrono::seconds timeout{0};  // the server ends the stream after it
};
Request WatchRequest(const GroupVersionResource& resource, const std::string& ns,
                     const WatchParameters& options, CallOptions call = {});

struct LogOptions {
  std::string container = {};  // "" where the pod has but one
  bool follow = false;
  bool previous = false;    // of the container before the last restart
  bool timestamps = false;  // each line begins with its RFC 3339 time
  int64_t tail_lines = -1;  // below 0: all
  int64_t since_seconds = 0;
  int64_t limit_bytes = 0;  // 0: no limit
};
Request LogRequest(const std::string& ns, const std::string& pod, const LogOptions& options = {},
                   CallOptions call = {});

}  // namespace millrace::kube
