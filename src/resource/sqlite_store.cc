#include "resource/sqlite_store.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/json.h"
#include "resource/internal/sqlite_writer.h"
#include "resource/kind.h"

namespace millrace::resource {
namespace {

constexpr int64_t kFormat = 1;

constexpr std::string_view kSchema = R"(
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT INTO counter VALUES ('version', 0), ('pruned', 0);
CREATE TABLE resource (kind TEXT NOT NULL, project TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL,
                       PRIMARY KEY (kind, project, name));
CREATE TABLE event (version INTEGER PRIMARY KEY, type INTEGER NOT NULL, labels_before TEXT NOT NULL,
                    body TEXT NOT NULL);
PRAGMA user_version = 1;
)";

Result<Resource> ParseBody(const std::string& body) {
  Result<Json> json = ParseJson(body);
  if (!json.ok()) return DataLoss("a stored resource cannot be read: {}", json.status().message());
  return Resource::FromJson(*json);
}

Result<int64_t> ParseVersion(const std::string& text) {
  if (text.empty()) return int64_t{0};
  int64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc() || end != text.data() + text.size() || version < 0) {
    return InvalidArgument("resourceVersion '{}' is none that this server has given out", text);
  }
  return version;
}

// An applied resource keeps what controllers have added to the one that exists.
Resource Merge(const Resource& wanted, const Resource& existing) {
  Resource merged = wanted;
  merged.metadata.finalizers = existing.metadata.finalizers;
  merged.metadata.owner_references = existing.metadata.owner_references;
  for (const auto* pair : {&existing.metadata.labels, &existing.metadata.annotations}) {
    Json& target = pair == &existing.metadata.labels ? merged.metadata.labels : merged.metadata.annotations;
    for (const auto& [key, value] : pair->items()) {
      if (key.starts_with(std::string(kGroup) + "/")) target.emplace(key, value);
    }
  }
  return merged;
}

}  // namespace

Result<std::unique_ptr<SqliteStore>> SqliteStore::Create(Options options) {
  MR_ASSIGN_OR_RETURN(Database db, Database::Open(options.path));
  std::unique_ptr<SqliteStore> store(new SqliteStore(std::move(options), std::move(db)));
  MR_RETURN_IF_ERROR(store->Prepare().WithContext(store->options_.path));
  return store;
}

SqliteStore::SqliteStore(Options options, Database db) : options_(std::move(options)), db_(std::move(db)) {}

SqliteStore::~SqliteStore() {
  for (const Subscription& subscription : subscriptions_) {
    if (const std::shared_ptr<Watch> watch = subscription.watch.lock()) {
      watch->End(Cancelled("the store was closed"));
      watch->Notify();
    }
  }
}

const Clock& SqliteStore::clock() const {
  return options_.clock == nullptr ? SystemClock() : *options_.clock;
}

Status SqliteStore::Prepare() {
  MR_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(db_));
  MR_ASSIGN_OR_RETURN(Statement pragma, db_.Prepare("PRAGMA user_version"));
  MR_RETURN_IF_ERROR(pragma.Step().status());
  const int64_t format = pragma.Int(0);
  pragma.Reset();
  if (format > kFormat) {
    return FailedPrecondition("the resources were written by a newer Millrace (format {}; this one knows {})",
                              format, kFormat);
  }
  if (format == kFormat) return Ok();
  MR_RETURN_IF_ERROR(db_.Execute(std::string(kSchema)));
  return transaction.Commit();
}

Result<std::optional<Resource>> SqliteStore::Load(const ResourceKey& key) {
  MR_ASSIGN_OR_RETURN(
      Statement select,
      db_.Prepare("SELECT body FROM resource WHERE kind = ?1 AND project = ?2 AND name = ?3"));
  MR_RETURN_IF_ERROR(select.Bind(1, key.kind));
  MR_RETURN_IF_ERROR(select.Bind(2, key.project));
  MR_RETURN_IF_ERROR(select.Bind(3, key.name));
  MR_ASSIGN_OR_RETURN(const bool found, select.Step());
  if (!found) return std::optional<Resource>();
  MR_ASSIGN_OR_RETURN(Resource resource, ParseBody(select.Text(0)));
  return std::optional<Resource>(std::move(resource));
}

Result<std::vector<Resource>> SqliteStore::LoadAll(const std::string& kind, const std::string& project) {
  MR_ASSIGN_OR_RETURN(Statement select,
                      db_.Prepare("SELECT body FROM resource WHERE (?1 = '' OR kind = ?1) AND "
                                  "(?2 = '' OR project = ?2) ORDER BY kind, project, name"));
  MR_RETURN_IF_ERROR(select.Bind(1, kind));
  MR_RETURN_IF_ERROR(select.Bind(2, project));
  std::vector<Resource> resources;
  for (;;) {
    MR_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return resources;
    MR_ASSIGN_OR_RETURN(Resource resource, ParseBody(select.Text(0)));
    resources.push_back(std::move(resource));
  }
}

Result<int64_t> SqliteStore::Counter(std::string_view name) {
  MR_ASSIGN_OR_RETURN(Statement select, db_.Prepare("SELECT value FROM counter WHERE name = ?1"));
  MR_RETURN_IF_ERROR(select.Bind(1, name));
  MR_ASSIGN_OR_RETURN(const bool found, select.Step());
  if (!found) return DataLoss("the store has lost its counter '{}'", name);
  return select.Int(0);
}

Result<Resource> SqliteStore::Get(const ResourceKey& key) {
  const std::lock_guard lock(mutex_);
  MR_ASSIGN_OR_RETURN(std::optional<Resource> found, Load(key));
  if (!found) return NotFound("{} does not exist", key.ToString());
  return std::move(*found);
}

Result<ResourceList> SqliteStore::List(const ListOptions& options) {
  MR_ASSIGN_OR_RETURN(const PageStart start, ReadContinueToken(options.continue_token));
  std::unique_lock lock(mutex_);
  MR_ASSIGN_OR_RETURN(const int64_t latest, Counter("version"));
  MR_ASSIGN_OR_RETURN(std::vector<Resource> all, LoadAll(options.kind, options.project));
  lock.unlock();
  return CutPage(std::move(all), options, start, std::to_string(latest));
}

Result<Resource> SqliteStore::Create(const Resource& resource, const WriteOptions& options) {
  return Writer::Run(*this, options, [&](Writer& writer) -> Result<Resource> {
    MR_ASSIGN_OR_RETURN(const std::optional<Resource> existing, writer.Find(resource.Key()));
    if (existing) return AlreadyExists("{} exists already", resource.Key().ToString());
    MR_RETURN_IF_ERROR(writer.Check({resource}));
    return writer.Create(resource);
  });
}

Result<Resource> SqliteStore::Update(const Resource& resource, const WriteOptions& options) {
  return Writer::Run(*this, options, [&](Writer& writer) -> Result<Resource> {
    MR_ASSIGN_OR_RETURN(const Resource before,
                        writer.Require(resource.Key(), resource.metadata.resource_version));
    MR_RETURN_IF_ERROR(writer.Check({resource}));
    return writer.Replace(before, resource);
  });
}

Result<Resource> SqliteStore::UpdateStatus(const Resource& resource, const WriteOptions& options) {
  return Writer::Run(*this, options, [&](Writer& writer) -> Result<Resource> {
    MR_ASSIGN_OR_RETURN(const Resource before,
                        writer.Require(resource.Key(), resource.metadata.resource_version));
    return writer.ReplaceStatus(before, resource.status);
  });
}

Result<Resource> SqliteStore::Patch(const ResourceKey& key, const Json& patch, const WriteOptions& options) {
  if (!patch.is_object()) return InvalidArgument("a merge patch is an object, not {}", patch.type_name());
  return Writer::Run(*this, options, [&](Writer& writer) -> Result<Resource> {
    MR_ASSIGN_OR_RETURN(const Resource before, writer.Require(key, VersionOf(patch)));
    MR_ASSIGN_OR_RETURN(const Resource wanted, Patched(before, patch));
    MR_RETURN_IF_ERROR(writer.Check({wanted}));
    return writer.Replace(before, wanted);
  });
}

Result<Resource> SqliteStore::PatchStatus(const ResourceKey& key, const Json& patch,
                                          const WriteOptions& options) {
  if (!patch.is_object()) return InvalidArgument("a merge patch is an object, not {}", patch.type_name());
  return Writer::Run(*this, options, [&](Writer& writer) -> Result<Resource> {
    MR_ASSIGN_OR_RETURN(const Resource before, writer.Require(key, VersionOf(patch)));
    MR_ASSIGN_OR_RETURN(const Json status, PatchedStatus(before, patch));
    return writer.ReplaceStatus(before, status);
  });
}

Result<std::vector<Applied>> SqliteStore::Apply(const std::vector<Resource>& resources,
                                                const WriteOptions& options) {
  return Writer::Run(*this, options, [&](Writer& writer) -> Result<std::vector<Applied>> {
    MR_RETURN_IF_ERROR(writer.Check(resources));
    std::vector<Applied> applied(resources.size());
    for (const size_t i : ByRank(resources)) {
      const Resource& wanted = resources[i];
      MR_ASSIGN_OR_RETURN(const std::optional<Resource> existing, writer.Find(wanted.Key()));
      if (!existing) {
        MR_ASSIGN_OR_RETURN(applied[i].resource, writer.Create(wanted));
        applied[i].action = ApplyAction::kCreated;
        continue;
      }
      MR_ASSIGN_OR_RETURN(const Resource before,
                          writer.Require(wanted.Key(), wanted.metadata.resource_version));
      if (before.metadata.deletion_time) {
        return Conflict("{} is being deleted: apply it again once it is gone", wanted.Key().ToString());
      }
      MR_ASSIGN_OR_RETURN(applied[i].resource, writer.Replace(before, Merge(wanted, before)));
      const bool same = applied[i].resource.metadata.resource_version == before.metadata.resource_version;
      applied[i].action = same ? ApplyAction::kUnchanged : ApplyAction::kConfigured;
    }
    return applied;
  });
}

Result<Resource> SqliteStore::Delete(const ResourceKey& key, const WriteOptions& options,
                                     const DeleteOptions& delete_options) {
  return Writer::Run(*this, options, [&](Writer& writer) -> Result<Resource> {
    MR_ASSIGN_OR_RETURN(const Resource resource, writer.Require(key, delete_options.resource_version));
    if (!delete_options.uid.empty() && delete_options.uid != resource.metadata.uid) {
      return Conflict("{} is another one by now: its uid is {}", key.ToString(), resource.metadata.uid);
    }
    return writer.Delete(resource);
  });
}

Status SqliteStore::FillWatch(const WatchOptions& options, const LabelSelector& selector, int64_t latest,
                              Watch& watch) {
  const std::string newest = std::to_string(latest);
  MR_ASSIGN_OR_RETURN(const int64_t from, ParseVersion(options.resource_version));
  if (from == 0) {
    MR_ASSIGN_OR_RETURN(std::vector<Resource> all, LoadAll(options.kind, options.project));
    // By version, so that a reader that stops on the way can go on from the last one it saw.
    std::sort(all.begin(), all.end(), [](const Resource& a, const Resource& b) {
      return std::stoll(a.metadata.resource_version) < std::stoll(b.metadata.resource_version);
    });
    for (Resource& resource : all) {
      const StoredEvent event{EventType::kAdded, std::move(resource), Json()};
      watch.Push(ForWatch(event, options, selector), event.resource.metadata.resource_version, false);
    }
    watch.Push(std::nullopt, newest, false);
    return Ok();
  }
  MR_ASSIGN_OR_RETURN(const int64_t pruned, Counter("pruned"));
  if (from < pruned)
    return Expired(fmt::format("version {} is too old; {} is the oldest kept", from, pruned));
  if (from > latest) return Expired(fmt::format("version {} is newer than the newest, {}", from, latest));
  MR_ASSIGN_OR_RETURN(Statement select,
                      db_.Prepare("SELECT type, labels_before, body FROM event WHERE version > ?1 "
                                  "ORDER BY version"));
  MR_RETURN_IF_ERROR(select.Bind(1, from));
  for (;;) {
    MR_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) break;
    StoredEvent event;
    event.type = static_cast<EventType>(select.Int(0));
    MR_ASSIGN_OR_RETURN(event.labels_before, ParseJson(select.Text(1)));
    MR_ASSIGN_OR_RETURN(event.resource, ParseBody(select.Text(2)));
    watch.Push(ForWatch(event, options, selector), event.resource.metadata.resource_version, false);
  }
  watch.Push(std::nullopt, newest, false);
  return Ok();
}

Result<std::shared_ptr<Watch>> SqliteStore::StartWatch(const WatchOptions& options) {
  MR_ASSIGN_OR_RETURN(LabelSelector selector, LabelSelector::Parse(options.label_selector));
  auto watch = std::make_shared<Watch>();
  const std::lock_guard lock(mutex_);
  MR_ASSIGN_OR_RETURN(const int64_t latest, Counter("version"));
  MR_RETURN_IF_ERROR(FillWatch(options, selector, latest, *watch));
  subscriptions_.push_back({options, std::move(selector), watch});
  return watch;
}

}  // namespace millrace::resource
