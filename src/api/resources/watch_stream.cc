#include "api/resources/watch_stream.h"

#include "api/resources/kube.h"
#include "base/json.h"

namespace millrace::api {
namespace {

constexpr std::chrono::seconds kBookmarkEvery(60);
// Enough for a burst; the rest comes with the next call, so that one chunk stays small.
constexpr size_t kMostBytes = 256 << 10;

std::string Line(std::string_view type, const Json& object) {
  Json event = {{"type", std::string(type)}, {"object", object}};
  return FormatJson(event) + "\n";
}

}  // namespace

LiveCaller::LiveCaller(const security::Access& access, std::string_view authorization)
    : access_(access), authorization_(authorization) {
  Refresh();
}

bool LiveCaller::Refresh() {
  uint64_t generation = access_.generation();
  if (generation == generation_) return true;
  Result<security::Identity> identity = access_.Authenticate(authorization_);
  if (!identity.ok()) return false;
  identity_ = std::move(identity).value();
  grants_ = access_.grants();
  generation_ = generation;
  return true;
}

bool LiveCaller::Allows(security::Permission permission, std::string_view project) const {
  return grants_ && security::Authorize(identity_, permission, project, *grants_).allowed;
}

bool LiveCaller::AllowsSomewhere(security::Permission permission) const {
  return grants_ && security::AllowedSomewhere(identity_, permission, *grants_);
}

WatchStream::WatchStream(Options options, LiveCaller caller, const Clock& clock)
    : options_(std::move(options)),
      caller_(std::move(caller)),
      clock_(clock),
      end_(clock.Steady() + options_.timeout),
      next_bookmark_(clock.Steady() + kBookmarkEvery) {}

WatchStream::~WatchStream() { options_.watch->Stop(); }

void WatchStream::OnNews(std::function<void()> wake) {
  wake_ = wake;
  options_.watch->OnReady(std::move(wake));
}

bool WatchStream::MayRead() {
  constexpr auto kRead = security::Permission::kResourcesRead;
  if (!caller_.Refresh()) return false;
  return options_.project.empty() ? caller_.AllowsSomewhere(kRead) : caller_.Allows(kRead, options_.project);
}

void WatchStream::Append(std::string& out, const resource::WatchEvent& event) {
  const resource::Resource& resource = event.resource;
  std::string_view type = resource::EventTypeName(event.type);
  if (event.type == resource::EventType::kBookmark) {
    Json object = {{"kind", options_.kind->name},
                   {"apiVersion", std::string(resource::kApiVersion)},
                   {"metadata", {{"resourceVersion", resource.metadata.resource_version}}}};
    out += Line(type, object);
    return;
  }
  const std::string& project = options_.kind->namespaced ? resource.metadata.project : resource.metadata.name;
  if (options_.project.empty() && !caller_.Allows(security::Permission::kResourcesRead, project)) return;
  if (options_.table) {
    ListMeta meta{.resource_version = resource.metadata.resource_version, .continue_token = {}};
    out += Line(type, KubeTable(*options_.kind, {&resource, 1}, meta, clock_.Now(), first_table_));
    first_table_ = false;
    return;
  }
  out += Line(type, resource.ToJson());
}

http::BodyStream::Chunk WatchStream::Next() {
  Chunk chunk;
  if (!MayRead()) {
    Status gone = PermissionDenied("the permission to read this was withdrawn");
    return {Line("ERROR", KubeStatus(0, gone)), true};
  }
  while (chunk.bytes.size() < kMostBytes) {
    Result<std::optional<resource::WatchEvent>> event = options_.watch->TryNext();
    if (!event.ok()) {
      // The end of the store is the end of the watch; an expired one tells so.
      if (event.status().code() != Code::kCancelled)
        chunk.bytes += Line("ERROR", KubeStatus(0, event.status()));
      chunk.end = true;
      return chunk;
    }
    if (!event->has_value()) break;
    Append(chunk.bytes, **event);
  }
  if (chunk.bytes.size() >= kMostBytes && wake_) wake_();  // more may be waiting
  auto now = clock_.Steady();
  if (options_.bookmarks && (now >= next_bookmark_ || now >= end_)) {
    next_bookmark_ = now + kBookmarkEvery;
    Append(chunk.bytes, options_.watch->Bookmark());
  }
  chunk.end = now >= end_;
  return chunk;
}

}  // namespace millrace::api
