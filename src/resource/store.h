// ResourceStore: where resources are kept; the seam between Millrace's
// controllers and SQLite here, a Kubernetes API server elsewhere.
//
// Semantics are those of the Kubernetes API:
//  * every write gives the resource a new resource_version, higher than any
//    before; a write that names an older one fails with Conflict;
//  * generation grows only when spec changes; status is written apart, by
//    UpdateStatus, which leaves spec and metadata alone (as Update leaves status);
//  * deletion sets deletion_time while finalizers remain; the resource goes with
//    the last of them, and takes along what it owns (owner references);
//  * what other resources refer to cannot be deleted (FailedPrecondition, with
//    their names), unless they go with it because it owns them.
//
//   MR_ASSIGN_OR_RETURN(Resource model, store.Get({"Model", "default", "fraud"}));
//   SetCondition(model.status, …);
//   MR_ASSIGN_OR_RETURN(model, store.UpdateStatus(model));
//
// The store checks no kind's rules: admit.h does, before it writes. All
// functions are thread safe, may block on the disk, and are durable when they
// return.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "resource/resource.h"
#include "resource/watch.h"

namespace millrace::resource {

struct ListOptions {
  std::string kind = {};            // "" for all
  std::string project = {};         // "" for all
  std::string label_selector = {};  // "" for all
  // Only those for which it is true, before they are counted into pages; it must not call the store.
  std::function<bool(const Resource&)> filter = nullptr;
  size_t limit = 0;                 // 0: no limit
  std::string continue_token = {};  // of the page before
};

struct ResourceList {
  std::vector<Resource> items;   // ordered by kind, project, name
  std::string resource_version;  // a watch from here misses nothing (on later pages: the first page's)
  std::string continue_token;    // "" on the last page
};

struct WatchOptions {
  std::string kind = {};
  std::string project = {};
  std::string label_selector = {};
  std::string name = {};  // only this one; "" for all
  // Events after this version. "" or "0": first an ADDED for each that exists.
  std::string resource_version = {};
};

// Sees, inside the transaction and before anything is written, all resources as
// they are and those that are to be made so; unless it is ok nothing happens.
// admit.h's ValidateWrite makes one. It must not call the store.
using WriteCheck =
    std::function<Status(const std::vector<Resource>& existing, const std::vector<Resource>& wanted)>;

struct WriteOptions {
  std::string actor = "millrace";    // who, for the audit log: a token's name
  std::string manager = "millrace";  // which program applied it
  bool dry_run = false;              // everything but the effect (the auditor isn't asked)
  bool owns_finalizers = false;  // a controller: all others leave the finalizers of millrace.dev as they are
  WriteCheck check = nullptr;    // of Create, Update, Patch and Apply
};

struct DeleteOptions {
  std::string resource_version = {};  // only if it still is at this one
  std::string uid = {};               // only if it still is this one
};

enum class Verb : uint8_t { kCreate, kUpdate, kUpdateStatus, kDelete };
std::string_view VerbName(Verb verb);  // "create", "update", "update status", "delete"

// A change about to be made; valid during the call of the auditor.
struct Change {
  Verb verb = Verb::kCreate;
  ResourceKey key;
  std::string actor;
  const Resource* before = nullptr;  // null on create
  const Resource* after = nullptr;   // null when the resource goes
};

// Called inside the transaction, before it commits: unless it returns ok the
// change isn't made, and the caller gets its status. It must not call the store.
using Auditor = std::function<Status(const Change&)>;

enum class ApplyAction : uint8_t { kCreated, kConfigured, kUnchanged };
std::string_view ApplyActionName(ApplyAction action);  // "created", "configured", "unchanged"

struct Applied {
  Resource resource;
  ApplyAction action = ApplyAction::kUnchanged;
};

class ResourceStore {
 public:
  virtual ~ResourceStore() = default;

  virtual Result<Resource> Get(const ResourceKey& key) = 0;
  virtual Result<ResourceList> List(const ListOptions& options) = 0;

  // AlreadyExists when there is one. Status starts empty.
  virtual Result<Resource> Create(const Resource& resource, const WriteOptions& options = {}) = 0;
  // Replaces spec, labels, annotations, owner references and finalizers, but
  // those of millrace.dev, which only who owns them adds or takes away.
  // Conflict when resource_version is given and isn't the current one, and when
  // the spec of what is being deleted would change.
  virtual Result<Resource> Update(const Resource& resource, const WriteOptions& options = {}) = 0;
  // Replaces status alone, under the same rule.
  virtual Result<Resource> UpdateStatus(const Resource& resource, const WriteOptions& options = {}) = 0;
  // RFC 7386 on the JSON form; what the store sets itself and the status are left as they are.
  virtual Result<Resource> Patch(const ResourceKey& key, const Json& patch,
                                 const WriteOptions& options = {}) = 0;
  // The same on status alone: {"status": {…}}.
  virtual Result<Resource> PatchStatus(const ResourceKey& key, const Json& patch,
                                       const WriteOptions& options = {}) = 0;

  // Makes each of them be as given (spec, labels, annotations), all or none:
  // created, changed or left alone. Finalizers, owners, status and annotations
  // of millrace.dev stay. What is the same already gets no new version.
  // One that names a resource_version fails with Conflict unless it is current.
  virtual Result<std::vector<Applied>> Apply(const std::vector<Resource>& resources,
                                             const WriteOptions& options = {}) = 0;

  // The resource as it is now (with deletion_time) or as it last was.
  virtual Result<Resource> Delete(const ResourceKey& key, const WriteOptions& options = {},
                                  const DeleteOptions& delete_options = {}) = 0;

  // Expired (see watch.h) when the version is older than what is kept.
  virtual Result<std::shared_ptr<Watch>> StartWatch(const WatchOptions& options) = 0;
};

// Finalizers, read-modify-write with retries on Conflict, as who owns them.
Result<Resource> AddFinalizer(ResourceStore& store, const ResourceKey& key, std::string_view finalizer);
Result<Resource> RemoveFinalizer(ResourceStore& store, const ResourceKey& key, std::string_view finalizer);

}  // namespace millrace::resource
