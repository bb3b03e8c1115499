#include "kube/informer.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>
#include <unordered_set>
#include <utility>

#include "base/json.h"
#include "base/log.h"
#include "kube/api_error.h"
#include "kube/internal/object_store.h"
#include "kube/internal/watch_loop.h"

namespace millrace::kube {
namespace {

using internal::Backoff;
using internal::Cancellation;
using internal::Core;
using internal::ObjectStore;
using internal::Task;

std::string TextAt(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

const Json* MetadataOf(const Json& object) {
  const auto found = object.find("metadata");
  return found != object.end() && found->is_object() ? &*found : nullptr;
}

std::string MetadataText(const Json& object, const char* key) {
  const Json* metadata = MetadataOf(object);
  return metadata == nullptr ? "" : TextAt(*metadata, key);
}

}  // namespace

Index IndexByNamespace() {
  return {"namespace", [](const Json& object) { return std::vector{MetadataText(object, "namespace")}; }};
}

Index IndexByOwner() {
  return {"owner", [](const Json& object) {
            std::vector<std::string> uids;
            const Json* metadata = MetadataOf(object);
            if (metadata == nullptr || !metadata->contains("ownerReferences")) return uids;
            for (const Json& owner : (*metadata)["ownerReferences"]) {
              if (owner.is_object()) uids.push_back(TextAt(owner, "uid"));
            }
            return uids;
          }};
}

Index IndexByLabel(const std::string& key) {
  return {"label:" + key, [key](const Json& object) {
            std::vector<std::string> values;
            const Json* metadata = MetadataOf(object);
            if (metadata == nullptr || !metadata->contains("labels")) return values;
            const Json& labels = (*metadata)["labels"];
            if (labels.is_object() && labels.contains(key)) values.push_back(TextAt(labels, key.c_str()));
            return values;
          }};
}

// The coroutine writes, on the loop's thread alone; readers come from any thread.
struct Informer::State {
  State(Core& c, InformerOptions o) : core(c), options(std::move(o)), store(options.indexes), fiber(c) {}

  Core& core;
  const InformerOptions options;
  std::vector<ChangeHandler> handlers;  // of the loop's thread

  mutable std::shared_mutex store_mutex;
  ObjectStore store;

  mutable std::mutex mutex;
  mutable std::condition_variable changed;
  bool synced = false;
  int64_t lists = 0;
  Status error;

  internal::Fiber fiber;

  void SetError(Status status) {
    const std::lock_guard lock(mutex);
    error = std::move(status);
  }
  void Tell(const ObjectChange& change) {
    for (const ChangeHandler& handler : handlers) handler(change);
  }
  void Put(Json object, std::unordered_set<std::string>* present);
  void Remove(const std::string& key, const Json* last, bool tombstone);
  void Handle(WatchEvent event);
  void FinishList(const std::unordered_set<std::string>& present);

  Task<Result<std::string>> ListAll(Cancellation& cancellation);
  Task<void> Run(Cancellation& cancellation);
};

void Informer::State::Put(Json object, std::unordered_set<std::string>* present) {
  const std::string key = ObjectStore::KeyOf(object);
  if (key.empty()) return;
  if (present != nullptr) present->insert(key);
  const std::string version = MetadataText(object, "resourceVersion");
  object["metadata"].erase("managedFields");
  if (options.transform) options.transform(object);
  ObjectStore::Change change;
  {
    const std::unique_lock lock(store_mutex);
    change = store.Put(key, version, object);
  }
  if (!change.changed) return;
  Tell({.key = key, .old = change.old ? &*change.old : nullptr, .now = &object});
}

void Informer::State::Remove(const std::string& key, const Json* last, bool tombstone) {
  std::optional<Json> old;
  {
    const std::unique_lock lock(store_mutex);
    old = store.Remove(key);
  }
  if (!old) return;
  Tell({.key = key, .old = last != nullptr ? last : &*old, .now = nullptr, .tombstone = tombstone});
}

void Informer::State::Handle(WatchEvent event) {
  SetError(Ok());
  switch (event.type) {
    case WatchEventType::kAdded:
    case WatchEventType::kModified:
      Put(std::move(event.object), nullptr);
      break;
    case WatchEventType::kDeleted: {
      const std::string key = ObjectStore::KeyOf(event.object);
      event.object["metadata"].erase("managedFields");
      if (options.transform) options.transform(event.object);
      Remove(key, &event.object, false);
      break;
    }
    case WatchEventType::kBookmark:
      break;
  }
}

void Informer::State::FinishList(const std::unordered_set<std::string>& present) {
  std::vector<std::string> missing;
  {
    const std::shared_lock lock(store_mutex);
    missing = store.Missing(present);
  }
  for (const std::string& key : missing) Remove(key, nullptr, true);
  const std::lock_guard lock(mutex);
  synced = true;
  ++lists;
  error = Ok();
  changed.notify_all();
}

// Everything, page by page; gives the version to watch from. A list whose version
// the server drops half way begins again, all at once, which cannot expire.
Task<Result<std::string>> Informer::State::ListAll(Cancellation& cancellation) {
  std::unordered_set<std::string> present;
  ListOptions list{.label_selector = options.label_selector,
                   .field_selector = options.field_selector,
                   .limit = options.page_size};
  const CallOptions call{.priority = Priority::kBulk, .timeout = std::chrono::seconds(60)};
  for (;;) {
    const Request request = ListRequest(options.resource, options.ns, list, call);
    Result<Json> page = co_await core.CallJson(request, cancellation);
    if (!page.ok()) {
      if (!IsExpired(page.status()) || list.limit == 0) co_return page.status();
      present.clear();
      list.limit = 0;
      list.continue_token.clear();
      continue;
    }
    const bool is_list = page->is_object() && page->contains("items") && (*page)["items"].is_array();
    if (!is_list) co_return Unavailable("the answer to list {} is no list", request.what);
    const std::string api_version = TextAt(*page, "apiVersion");
    std::string kind = TextAt(*page, "kind");
    if (kind.ends_with("List")) kind.resize(kind.size() - 4);
    for (Json& item : (*page)["items"]) {
      if (!item.is_object()) continue;
      // Lists of built-in kinds leave out what every item shares; watches do not.
      if (!item.contains("apiVersion") && !api_version.empty()) item["apiVersion"] = api_version;
      if (!item.contains("kind") && !kind.empty()) item["kind"] = kind;
      Put(std::move(item), &present);
    }
    list.continue_token = MetadataText(*page, "continue");
    if (!list.continue_token.empty()) continue;
    FinishList(present);
    co_return MetadataText(*page, "resourceVersion");
  }
}

Task<void> Informer::State::Run(Cancellation& cancellation) {
  Backoff backoff(std::chrono::milliseconds(200), std::chrono::seconds(30));
  while (!cancellation.cancelled()) {
    Result<std::string> version = co_await ListAll(cancellation);
    Status end;
    if (version.ok()) {
      backoff.Reset();
      WatchOptions watch{.resource = options.resource,
                         .ns = options.ns,
                         .label_selector = options.label_selector,
                         .field_selector = options.field_selector,
                         .resource_version = *version,
                         .call = {.priority = Priority::kBulk}};
      std::function<void(WatchEvent)> on_event = [this](WatchEvent event) { Handle(std::move(event)); };
      end = co_await internal::WatchLoop(core, watch, on_event, cancellation);
    } else {
      end = version.status();
    }
    if (cancellation.cancelled()) break;
    LogInfo("listing again", {{"resource", options.resource.ToString()}, {"why", end.message()}});
    // An expired version is no failure: the list that follows mends it.
    if (!IsExpired(end)) SetError(end);
    const auto delay = backoff.Next(core.Random());
    const bool slept = co_await core.loop().Sleep(cancellation, delay);
    if (!slept) break;
  }
}

Informer::Informer(std::shared_ptr<State> state) : state_(std::move(state)) {}

std::unique_ptr<Informer> Informer::Start(Client& client, InformerOptions options) {
  auto state = std::make_shared<State>(client.core(), std::move(options));
  State* const borrowed = state.get();
  state->fiber.Start(
      [borrowed](Cancellation& cancellation) -> Task<void> { co_await borrowed->Run(cancellation); }, state);
  return std::unique_ptr<Informer>(new Informer(std::move(state)));
}

Informer::~Informer() { state_->fiber.Stop(); }

void Informer::AddHandler(ChangeHandler handler) {
  const auto add = [state = state_, handler = std::move(handler)] {
    for (const std::string& key : state->store.Keys()) {
      const std::optional<Json> object = state->store.Get(key);
      if (object) handler({.key = key, .old = nullptr, .now = &*object});
    }
    state->handlers.push_back(handler);
  };
  if (state_->core.loop().OnLoop()) {
    add();
  } else {
    state_->core.loop().Post(add);
  }
}

bool Informer::HasSynced() const {
  const std::lock_guard lock(state_->mutex);
  return state_->synced;
}

Status Informer::WaitForSync(std::chrono::steady_clock::time_point deadline) const {
  std::unique_lock lock(state_->mutex);
  if (state_->changed.wait_until(lock, deadline, [this] { return state_->synced; })) return Ok();
  const std::string what = state_->options.resource.ToString();
  if (state_->error.ok()) return DeadlineExceeded("{} were not listed in time", what);
  return DeadlineExceeded("{} were not listed in time: {}", what, state_->error.message());
}

Status Informer::last_error() const {
  const std::lock_guard lock(state_->mutex);
  return state_->error;
}

int64_t Informer::lists() const {
  const std::lock_guard lock(state_->mutex);
  return state_->lists;
}

std::optional<Json> Informer::Get(const std::string& ns, const std::string& name) const {
  return GetByKey(ns.empty() ? name : ns + "/" + name);
}

std::optional<Json> Informer::GetByKey(const std::string& key) const {
  const std::shared_lock lock(state_->store_mutex);
  return state_->store.Get(key);
}

std::vector<std::string> Informer::Keys() const {
  const std::shared_lock lock(state_->store_mutex);
  return state_->store.Keys();
}

std::vector<Json> Informer::List() const {
  const std::shared_lock lock(state_->store_mutex);
  std::vector<Json> objects;
  for (const std::string& key : state_->store.Keys()) objects.push_back(*state_->store.Get(key));
  return objects;
}

std::vector<std::string> Informer::KeysByIndex(std::string_view index, const std::string& value) const {
  const std::shared_lock lock(state_->store_mutex);
  return state_->store.KeysBy(index, value);
}

std::vector<Json> Informer::ByIndex(std::string_view index, const std::string& value) const {
  const std::shared_lock lock(state_->store_mutex);
  std::vector<Json> objects;
  for (const std::string& key : state_->store.KeysBy(index, value))
    objects.push_back(*state_->store.Get(key));
  return objects;
}

size_t Informer::size() const {
  const std::shared_lock lock(state_->store_mutex);
  return state_->store.size();
}

size_t Informer::bytes() const {
  const std::shared_lock lock(state_->store_mutex);
  return state_->store.bytes();
}

}  // namespace millrace::kube
