#include "resource/internal/sqlite_writer.h"

#include <algorithm>

#include "base/id.h"
#include "base/json.h"
#include "resource/in_use.h"
#include "resource/internal/finalizers.h"

namespace millrace::resource {
namespace {

bool Same(const Resource& a, const Resource& b) {
  return a.spec == b.spec && a.status == b.status && a.metadata.labels == b.metadata.labels &&
         a.metadata.annotations == b.metadata.annotations && a.metadata.finalizers == b.metadata.finalizers &&
         a.metadata.owner_references == b.metadata.owner_references &&
         a.metadata.deletion_time == b.metadata.deletion_time;
}

}  // namespace

Result<Resource> SqliteStore::Writer::Require(const ResourceKey& key, const std::string& version) {
  MR_ASSIGN_OR_RETURN(std::optional<Resource> found, Find(key));
  if (!found) return NotFound("{} does not exist", key.ToString());
  MR_RETURN_IF_ERROR(CheckVersion(*found, version));
  return std::move(*found);
}

Status SqliteStore::Writer::Check(const std::vector<Resource>& wanted) {
  if (!options_.check) return Ok();
  MR_ASSIGN_OR_RETURN(const std::vector<Resource> existing, store_.LoadAll("", ""));
  return options_.check(existing, wanted);
}

Result<std::string> SqliteStore::Writer::NextVersion() {
  MR_RETURN_IF_ERROR(store_.db_.Execute("UPDATE counter SET value = value + 1 WHERE name = 'version'"));
  MR_ASSIGN_OR_RETURN(const int64_t version, store_.Counter("version"));
  return std::to_string(version);
}

Result<Resource> SqliteStore::Writer::Create(Resource resource) {
  MR_RETURN_IF_ERROR(CheckIdentity(resource));
  resource.metadata.uid = RandomUuid();
  resource.metadata.generation = 1;
  resource.metadata.creation_time = store_.clock().Now();
  resource.metadata.deletion_time.reset();
  resource.metadata.manager = options_.manager;
  resource.metadata.finalizers = FinalizersOf({}, resource.metadata.finalizers, options_);
  resource.status = Json::object();
  return Save(Verb::kCreate, std::nullopt, std::move(resource));
}

Result<Resource> SqliteStore::Writer::Replace(const Resource& before, const Resource& wanted) {
  Resource after = before;
  after.spec = wanted.spec;
  after.metadata.labels = wanted.metadata.labels;
  after.metadata.annotations = wanted.metadata.annotations;
  after.metadata.finalizers = FinalizersOf(before.metadata.finalizers, wanted.metadata.finalizers, options_);
  after.metadata.owner_references = wanted.metadata.owner_references;
  MR_RETURN_IF_ERROR(CheckFinalizers(before, after));
  MR_RETURN_IF_ERROR(CheckSpecStays(before, after));
  if (before.metadata.deletion_time && after.metadata.finalizers.empty()) return Remove(std::move(after));
  if (Same(before, after)) return before;
  if (after.spec != before.spec) ++after.metadata.generation;
  after.metadata.manager = options_.manager;
  return Save(Verb::kUpdate, before, std::move(after));
}

Result<Resource> SqliteStore::Writer::ReplaceStatus(const Resource& before, const Json& status) {
  if (before.status == status) return before;
  Resource after = before;
  after.status = status;
  return Save(Verb::kUpdateStatus, before, std::move(after));
}

Result<Resource> SqliteStore::Writer::Delete(const Resource& resource) {
  MR_ASSIGN_OR_RETURN(const std::vector<Resource> all, store_.LoadAll("", ""));
  const std::vector<ResourceKey> users = NeededBy(resource, all);
  if (!users.empty()) return InUse(resource.Key(), users);
  if (resource.metadata.finalizers.empty()) return Remove(resource);
  if (resource.metadata.deletion_time) return resource;
  Resource after = resource;
  after.metadata.deletion_time = store_.clock().Now();
  return Save(Verb::kDelete, resource, std::move(after));
}

Result<Resource> SqliteStore::Writer::Save(Verb verb, const std::optional<Resource>& before, Resource after) {
  MR_ASSIGN_OR_RETURN(after.metadata.resource_version, NextVersion());
  const std::string body = FormatJson(after.ToJson());
  if (body.size() > store_.options_.max_bytes) {
    return ResourceExhausted("{} takes {} bytes; at most {} are allowed", after.Key().ToString(), body.size(),
                             store_.options_.max_bytes);
  }
  MR_ASSIGN_OR_RETURN(
      Statement insert,
      store_.db_.Prepare("INSERT INTO resource (kind, project, name, body) VALUES (?1, ?2, ?3, ?4) "
                         "ON CONFLICT (kind, project, name) DO UPDATE SET body = excluded.body"));
  MR_RETURN_IF_ERROR(insert.Bind(1, after.kind));
  MR_RETURN_IF_ERROR(insert.Bind(2, after.metadata.project));
  MR_RETURN_IF_ERROR(insert.Bind(3, after.metadata.name));
  MR_RETURN_IF_ERROR(insert.Bind(4, body));
  MR_RETURN_IF_ERROR(insert.Run());
  MR_RETURN_IF_ERROR(Record(before ? EventType::kModified : EventType::kAdded, after,
                            before ? before->metadata.labels : Json()));
  made_.push_back({verb, before, after});
  return after;
}

Result<Resource> SqliteStore::Writer::Remove(Resource resource) {
  MR_ASSIGN_OR_RETURN(
      Statement remove,
      store_.db_.Prepare("DELETE FROM resource WHERE kind = ?1 AND project = ?2 AND name = ?3"));
  MR_RETURN_IF_ERROR(remove.Bind(1, resource.kind));
  MR_RETURN_IF_ERROR(remove.Bind(2, resource.metadata.project));
  MR_RETURN_IF_ERROR(remove.Bind(3, resource.metadata.name));
  MR_RETURN_IF_ERROR(remove.Run());
  MR_ASSIGN_OR_RETURN(resource.metadata.resource_version, NextVersion());
  MR_RETURN_IF_ERROR(Record(EventType::kDeleted, resource, resource.metadata.labels));
  made_.push_back({Verb::kDelete, resource, std::nullopt});
  MR_RETURN_IF_ERROR(CollectGarbage(resource));
  return resource;
}

// What the gone resource owned goes too, unless another of its owners is still there.
Status SqliteStore::Writer::CollectGarbage(const Resource& owner) {
  MR_ASSIGN_OR_RETURN(const std::vector<Resource> all, store_.LoadAll("", ""));
  for (const Resource& resource : all) {
    if (!Owns(owner, resource)) continue;
    const bool held =
        std::any_of(all.begin(), all.end(), [&](const Resource& other) { return Owns(other, resource); });
    if (held) continue;
    // Collecting another may have taken it along.
    MR_ASSIGN_OR_RETURN(const std::optional<Resource> still, Find(resource.Key()));
    if (!still) continue;
    if (still->metadata.finalizers.empty()) {
      MR_RETURN_IF_ERROR(Remove(*still).status());
    } else if (!still->metadata.deletion_time) {
      Resource after = *still;
      after.metadata.deletion_time = store_.clock().Now();
      MR_RETURN_IF_ERROR(Save(Verb::kDelete, *still, std::move(after)).status());
    }
  }
  return Ok();
}

Status SqliteStore::Writer::Record(EventType type, const Resource& resource, const Json& labels_before) {
  MR_ASSIGN_OR_RETURN(Statement insert,
                      store_.db_.Prepare("INSERT INTO event (version, type, labels_before, body) "
                                         "VALUES (?1, ?2, ?3, ?4)"));
  MR_RETURN_IF_ERROR(insert.Bind(1, static_cast<int64_t>(std::stoll(resource.metadata.resource_version))));
  MR_RETURN_IF_ERROR(insert.Bind(2, static_cast<int64_t>(type)));
  MR_RETURN_IF_ERROR(insert.Bind(3, FormatJson(labels_before)));
  MR_RETURN_IF_ERROR(insert.Bind(4, FormatJson(resource.ToJson())));
  MR_RETURN_IF_ERROR(insert.Run());
  events_.push_back({type, resource, labels_before});
  return Ok();
}

// Drops the oldest events, and asks the auditor: the last steps before the commit.
Status SqliteStore::Writer::Finish() {
  if (made_.empty()) return Ok();
  MR_ASSIGN_OR_RETURN(const int64_t latest, store_.Counter("version"));
  const int64_t keep_after = latest - static_cast<int64_t>(store_.options_.history);
  MR_ASSIGN_OR_RETURN(const int64_t pruned, store_.Counter("pruned"));
  if (keep_after > pruned) {
    MR_RETURN_IF_ERROR(store_.db_.Execute(fmt::format(
        "DELETE FROM event WHERE version <= {0}; UPDATE counter SET value = {0} WHERE name = 'pruned'",
        keep_after)));
  }
  if (!store_.options_.auditor) return Ok();
  for (const Made& made : made_) {
    const Resource& subject = made.after ? *made.after : *made.before;
    const Change change{made.verb, subject.Key(), options_.actor, made.before ? &*made.before : nullptr,
                        made.after ? &*made.after : nullptr};
    const Status status = store_.options_.auditor(change);
    if (!status.ok()) return status.WithContext("the audit log did not take the change, so it was not made");
  }
  return Ok();
}

std::vector<std::shared_ptr<Watch>> SqliteStore::Writer::Publish() {
  std::vector<std::shared_ptr<Watch>> notify;
  std::erase_if(store_.subscriptions_, [&](const Subscription& subscription) {
    const std::shared_ptr<Watch> watch = subscription.watch.lock();
    if (watch == nullptr || watch->stopped()) return true;
    for (const StoredEvent& event : events_) {
      watch->Push(ForWatch(event, subscription.options, subscription.selector),
                  event.resource.metadata.resource_version);
    }
    notify.push_back(watch);
    return false;
  });
  return notify;
}

}  // namespace millrace::resource
