#include "resource/kube_store.h"

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "base/log.h"
#include "kube/client.h"
#include "kube/informer.h"
#include "kube/request.h"
#include "resource/in_use.h"
#include "resource/internal/finalizers.h"
#include "resource/internal/kube_mirror.h"
#include "resource/internal/kube_object.h"
#include "resource/internal/store_rules.h"
#include "resource/kind.h"
#include "resource/structure.h"

namespace millrace::resource {
namespace {

// Others write at the same moment; each round one of them gets through.
constexpr int kAttempts = 16;

// The server wants one; it notes by it who set which field.
std::string FieldManager(const WriteOptions& options) {
  return options.manager.empty() ? "millrace" : options.manager;
}

Status Missing(const ResourceKey& key) { return NotFound("{} does not exist", key.ToString()); }

// A copy of the store's own form; what cannot be read is as good as absent.
std::optional<Resource> Readable(const Json& object) {
  Result<Resource> resource = FromObject(object);
  if (resource.ok()) return std::move(*resource);
  LogWarning(
      "an object of the API server cannot be read",
      {{"object", FormatJson(ValueAt(object, "metadata.name"))}, {"reason", resource.status().message()}});
  return std::nullopt;
}

}  // namespace

struct KubeStore::Found {
  Resource resource;
  Json object = {};  // as the server has it, when it was asked; else null
};

// A write that is decided: what it makes of what, and the request for it.
struct KubeStore::Write {
  Verb verb = Verb::kCreate;
  ResourceKey key;
  std::optional<Resource> before = {};
  std::optional<Resource> wanted = {};  // none: it goes
  std::function<kube::Request(bool dry_run)> request = {};
};

Result<std::unique_ptr<KubeStore>> KubeStore::Create(Options options) {
  if (options.client == nullptr) return InvalidArgument("a store on Kubernetes needs a client of it");
  for (const std::string& project : options.projects) {
    if (!IsDnsLabel(project)) return InvalidArgument("'{}' is no name of a project", project);
  }
  std::unique_ptr<KubeStore> store(new KubeStore(std::move(options)));
  store->StartInformers();
  MR_RETURN_IF_ERROR(store->WaitForSync());
  return store;
}

KubeStore::KubeStore(Options options)
    : options_(std::move(options)), mirror_(std::make_unique<KubeMirror>(options_.history)) {}

KubeStore::~KubeStore() = default;

void KubeStore::StartInformers() {
  const std::vector<std::string> everywhere = {""};
  for (const Kind& kind : Kinds()) {
    for (const std::string& project : options_.projects.empty() ? everywhere : options_.projects) {
      kube::InformerOptions informer{.resource = ObjectsOf(kind.name)};
      if (kind.namespaced) {
        informer.ns = project;
      } else if (!project.empty()) {
        informer.field_selector = "metadata.name=" + project;
      }
      informers_.push_back(kube::Informer::Start(*options_.client, std::move(informer)));
      informers_.back()->AddHandler([mirror = mirror_.get()](const kube::ObjectChange& change) {
        std::optional<Resource> resource = Readable(change.now != nullptr ? *change.now : *change.old);
        if (!resource) return;
        if (change.now != nullptr) {
          mirror->Put(std::move(*resource));
        } else {
          mirror->Remove(std::move(*resource));
        }
      });
    }
  }
}

Status KubeStore::WaitForSync() const {
  const auto deadline = std::chrono::steady_clock::now() + options_.sync_timeout;
  for (const auto& informer : informers_) {
    const Status synced = informer->WaitForSync(deadline);
    if (synced.ok()) continue;
    const bool unknown = informer->last_error().code() == Code::kNotFound;
    if (!unknown) return synced;
    return FailedPrecondition(
        "the cluster does not know Millrace's kinds: install them with `millrace crds | kubectl apply "
        "--server-side -f -` ({})",
        synced.message());
  }
  return Ok();
}

Status KubeStore::Health() const {
  for (const auto& informer : informers_) MR_RETURN_IF_ERROR(informer->last_error());
  return Ok();
}

Status KubeStore::CheckScope(const ResourceKey& key) const {
  const std::string& project = key.project.empty() ? key.name : key.project;
  const std::vector<std::string>& ours = options_.projects;
  if (ours.empty() || std::find(ours.begin(), ours.end(), project) != ours.end()) return Ok();
  return PermissionDenied("{}: this Millrace looks after other projects alone", key.ToString());
}

Result<Resource> KubeStore::Get(const ResourceKey& key) {
  mirror_->WaitUntilShown();
  std::optional<Resource> found = mirror_->Find(key);
  if (!found) return Missing(key);
  return std::move(*found);
}

Result<ResourceList> KubeStore::List(const ListOptions& options) {
  MR_ASSIGN_OR_RETURN(const PageStart start, ReadContinueToken(options.continue_token));
  mirror_->WaitUntilShown();
  // The version first: what comes between the two is told again by a watch from there.
  const std::string version = mirror_->Version();
  ListOptions rest = options;
  rest.filter = nullptr;
  return CutPage(mirror_->All(options.kind, options.project, options.filter), rest, start, version);
}

Result<std::shared_ptr<Watch>> KubeStore::StartWatch(const WatchOptions& options) {
  mirror_->WaitUntilShown();
  return mirror_->StartWatch(options);
}

Status KubeStore::Check(const WriteOptions& options, const std::vector<Resource>& wanted) {
  if (!options.check) return Ok();
  mirror_->WaitUntilShown();
  return options.check(mirror_->All("", ""), wanted);
}

Result<KubeStore::Found> KubeStore::Require(const ResourceKey& key, const std::string& version, bool fresh) {
  MR_RETURN_IF_ERROR(CheckScope(key));
  if (FindKind(key.kind) == nullptr) return Missing(key);
  mirror_->WaitUntilShown();
  std::optional<Resource> shown = fresh ? std::nullopt : mirror_->Find(key);
  if (shown && CheckVersion(*shown, version).ok()) return Found{std::move(*shown)};
  Result<Json> object = options_.client->Get(ObjectOf(key));
  if (object.status().code() == Code::kNotFound) return Missing(key);
  MR_RETURN_IF_ERROR(object.status());
  MR_ASSIGN_OR_RETURN(Resource resource, FromObject(*object));
  MR_RETURN_IF_ERROR(CheckVersion(resource, version));
  return Found{std::move(resource), std::move(*object)};
}

Status KubeStore::Audit(const Write& write, const Resource* after, const WriteOptions& options) const {
  if (!options_.auditor) return Ok();
  const Change change{write.verb, write.key, options.actor, write.before ? &*write.before : nullptr, after};
  const Status status = options_.auditor(change);
  return status.ok() ? status
                     : status.WithContext("the audit log did not take the change, so it was not made");
}

Result<Resource> KubeStore::Send(const Write& write, bool dry_run) {
  if (options_.may_write) MR_RETURN_IF_ERROR(options_.may_write());
  MR_ASSIGN_OR_RETURN(const Json answer, options_.client->Do(write.request(dry_run)));
  // What is gone at once is answered by a Status.
  if (answer.value("kind", "") == "Status" && write.before) return *write.before;
  return FromObject(answer);
}

Result<Resource> KubeStore::Commit(const Write& write, const WriteOptions& options) {
  if (options.dry_run) return Send(write, true);
  if (options_.auditor) {
    // Asked first, so that the log gets no record of what the server will refuse.
    std::optional<Resource> after = write.wanted;
    if (write.wanted && write.verb != Verb::kUpdateStatus) {
      MR_ASSIGN_OR_RETURN(after, Send(write, true));
    }
    MR_RETURN_IF_ERROR(Audit(write, after ? &*after : nullptr, options));
  }
  MR_ASSIGN_OR_RETURN(Resource made, Send(write, false));
  if (write.verb == Verb::kDelete && made.metadata.finalizers.empty()) {
    mirror_->ExpectGone(made);
  } else {
    mirror_->Expect(made);
  }
  return made;
}

Result<Resource> KubeStore::ReadModifyWrite(const ResourceKey& key, const std::string& version,
                                            const WriteOptions& options, const Modify& modify) {
  for (int attempt = 1;; ++attempt) {
    MR_ASSIGN_OR_RETURN(const Found found, Require(key, version, attempt > 1));
    MR_ASSIGN_OR_RETURN(const std::optional<Write> write, modify(found));
    if (!write) return found.resource;
    Result<Resource> made = Commit(*write, options);
    const bool again = made.status().code() == Code::kConflict && version.empty() && attempt < kAttempts;
    if (!again) return made;
  }
}

Result<Resource> KubeStore::Create(const Resource& resource, const WriteOptions& options) {
  MR_RETURN_IF_ERROR(CheckIdentity(resource));
  const ResourceKey key = resource.Key();
  MR_RETURN_IF_ERROR(CheckScope(key));
  mirror_->WaitUntilShown();
  if (mirror_->Find(key)) return AlreadyExists("{} exists already", key.ToString());
  MR_RETURN_IF_ERROR(Check(options, {resource}));
  Resource made = resource;
  made.metadata.finalizers = FinalizersOf({}, resource.metadata.finalizers, options);
  const auto request = [&](bool dry_run) {
    return kube::CreateRequest(ObjectsOf(key.kind), key.project, NewObject(made),
                               {.field_manager = FieldManager(options), .dry_run = dry_run});
  };
  return Commit({.verb = Verb::kCreate, .key = key, .before = {}, .wanted = made, .request = request},
                options);
}

Result<std::optional<KubeStore::Write>> KubeStore::Replacement(const Found& found, const Resource& given,
                                                               const WriteOptions& options) {
  MR_RETURN_IF_ERROR(Check(options, {given}));
  const ResourceKey key = found.resource.Key();
  Resource wanted = given;
  wanted.metadata.finalizers =
      FinalizersOf(found.resource.metadata.finalizers, given.metadata.finalizers, options);
  MR_RETURN_IF_ERROR(CheckFinalizers(found.resource, wanted));
  MR_RETURN_IF_ERROR(CheckSpecStays(found.resource, wanted));
  Json object = found.object;
  // The mirror has no room for all that an owner reference may say. (One that changes now is a Conflict.)
  if (object.is_null() && wanted.metadata.owner_references != found.resource.metadata.owner_references) {
    MR_ASSIGN_OR_RETURN(object, options_.client->Get(ObjectOf(key)));
  }
  Json change = ChangeOf(found.resource, wanted, object);
  if (change.is_null()) return std::optional<Write>();
  const bool goes = found.resource.metadata.deletion_time && wanted.metadata.finalizers.empty();
  Write write{.verb = goes ? Verb::kDelete : Verb::kUpdate, .key = key, .before = found.resource};
  if (!goes) write.wanted = std::move(wanted);
  write.request = [key, change = std::move(change), manager = FieldManager(options)](bool dry_run) {
    return kube::PatchRequest(ObjectOf(key), kube::PatchType::kMerge, change,
                              {.field_manager = manager, .dry_run = dry_run});
  };
  return std::optional<Write>(std::move(write));
}

Result<std::optional<KubeStore::Write>> KubeStore::StatusReplacement(const Found& found, const Json& status,
                                                                     const WriteOptions& options) {
  Json change = StatusChangeOf(found.resource, status);
  if (change.is_null()) return std::optional<Write>();
  const ResourceKey key = found.resource.Key();
  Write write{.verb = Verb::kUpdateStatus, .key = key, .before = found.resource, .wanted = found.resource};
  write.wanted->status = status;
  write.request = [key, change = std::move(change), manager = FieldManager(options)](bool dry_run) {
    kube::ObjectName object = ObjectOf(key);
    object.subresource = "status";
    return kube::PatchRequest(object, kube::PatchType::kMerge, change,
                              {.field_manager = manager, .dry_run = dry_run},
                              {.priority = kube::Priority::kStatus});
  };
  return std::optional<Write>(std::move(write));
}

Result<Resource> KubeStore::Update(const Resource& resource, const WriteOptions& options) {
  return ReadModifyWrite(resource.Key(), resource.metadata.resource_version, options,
                         [&](const Found& found) { return Replacement(found, resource, options); });
}

Result<Resource> KubeStore::UpdateStatus(const Resource& resource, const WriteOptions& options) {
  return ReadModifyWrite(
      resource.Key(), resource.metadata.resource_version, options,
      [&](const Found& found) { return StatusReplacement(found, resource.status, options); });
}

Result<Resource> KubeStore::Patch(const ResourceKey& key, const Json& patch, const WriteOptions& options) {
  if (!patch.is_object()) return InvalidArgument("a merge patch is an object, not {}", patch.type_name());
  return ReadModifyWrite(key, VersionOf(patch), options,
                         [&](const Found& found) -> Result<std::optional<Write>> {
                           MR_ASSIGN_OR_RETURN(const Resource wanted, Patched(found.resource, patch));
                           return Replacement(found, wanted, options);
                         });
}

Result<Resource> KubeStore::PatchStatus(const ResourceKey& key, const Json& patch,
                                        const WriteOptions& options) {
  if (!patch.is_object()) return InvalidArgument("a merge patch is an object, not {}", patch.type_name());
  return ReadModifyWrite(key, VersionOf(patch), options,
                         [&](const Found& found) -> Result<std::optional<Write>> {
                           MR_ASSIGN_OR_RETURN(const Json status, PatchedStatus(found.resource, patch));
                           return StatusReplacement(found, status, options);
                         });
}

// Everything that can be known before the first write: our checks, and the server's by dry runs.
Result<std::vector<KubeStore::Write>> KubeStore::PlanApply(const std::vector<Resource>& resources,
                                                           const WriteOptions& options) {
  MR_RETURN_IF_ERROR(Check(options, resources));
  std::vector<Write> writes;
  for (const Resource& wanted : resources) {
    const ResourceKey key = wanted.Key();
    MR_RETURN_IF_ERROR(CheckIdentity(wanted));
    MR_RETURN_IF_ERROR(CheckScope(key));
    Write write{.verb = Verb::kCreate, .key = key};
    mirror_->WaitUntilShown();
    write.before = mirror_->Find(key);
    if (write.before) {
      write.verb = Verb::kUpdate;
      MR_RETURN_IF_ERROR(CheckVersion(*write.before, wanted.metadata.resource_version));
      if (write.before->metadata.deletion_time)
        return Conflict("{} is being deleted: apply it again once it is gone", key.ToString());
    }
    Resource applied = wanted;
    applied.metadata.finalizers = FinalizersOf({}, wanted.metadata.finalizers, options);
    write.request = [key, body = AppliedObject(applied), manager = FieldManager(options)](bool dry_run) {
      return kube::ApplyRequest(ObjectOf(key), body,
                                {.field_manager = manager, .force = true, .dry_run = dry_run});
    };
    MR_ASSIGN_OR_RETURN(write.wanted, Send(write, true));
    writes.push_back(std::move(write));
  }
  return writes;
}

namespace {

ApplyAction ActionOf(const std::optional<Resource>& before, const Resource& after) {
  if (!before) return ApplyAction::kCreated;
  const bool same = before->spec == after.spec && before->metadata.labels == after.metadata.labels &&
                    before->metadata.annotations == after.metadata.annotations;
  return same ? ApplyAction::kUnchanged : ApplyAction::kConfigured;
}

}  // namespace

Result<std::vector<Applied>> KubeStore::Apply(const std::vector<Resource>& resources,
                                              const WriteOptions& options) {
  MR_ASSIGN_OR_RETURN(const std::vector<Write> writes, PlanApply(resources, options));
  std::vector<Applied> applied(resources.size());
  for (size_t i = 0; i < writes.size(); ++i)
    applied[i] = {*writes[i].wanted, ActionOf(writes[i].before, *writes[i].wanted)};
  if (options.dry_run) return applied;
  for (size_t i = 0; i < writes.size(); ++i) {
    if (applied[i].action == ApplyAction::kUnchanged) continue;
    MR_RETURN_IF_ERROR(Audit(writes[i], &*writes[i].wanted, options));
  }
  std::vector<ResourceKey> done;
  for (const size_t i : ByRank(resources)) {
    Result<Resource> made = Send(writes[i], false);
    if (!made.ok()) {
      if (done.empty()) return made.status();
      return made.status().WithContext(
          fmt::format("{} stopped the rest, but {} had been written before; apply all of it again",
                      writes[i].key.ToString(), Enumerate(done)));
    }
    mirror_->Expect(*made);
    applied[i].resource = std::move(*made);
    if (applied[i].action != ApplyAction::kUnchanged) done.push_back(writes[i].key);
  }
  return applied;
}

Result<Resource> KubeStore::Delete(const ResourceKey& key, const WriteOptions& options,
                                   const DeleteOptions& delete_options) {
  MR_ASSIGN_OR_RETURN(const Found found, Require(key, delete_options.resource_version, false));
  const Resource& resource = found.resource;
  const std::string& uid = resource.metadata.uid;
  if (!delete_options.uid.empty() && delete_options.uid != uid) {
    return Conflict("{} is another one by now: its uid is {}", key.ToString(), uid);
  }
  const std::vector<ResourceKey> users = NeededBy(resource, mirror_->All("", ""));
  if (!users.empty()) return InUse(key, users);
  if (resource.metadata.deletion_time) return resource;
  Write write{.verb = Verb::kDelete, .key = key, .before = resource};
  if (!resource.metadata.finalizers.empty()) write.wanted = resource;
  write.request = [key, uid, version = delete_options.resource_version](bool dry_run) {
    return kube::DeleteRequest(ObjectOf(key), {.propagation = kube::Propagation::kBackground,
                                               .uid = uid,
                                               .resource_version = version,
                                               .dry_run = dry_run});
  };
  return Commit(write, options);
}

}  // namespace millrace::resource
