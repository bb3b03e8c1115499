// Watch: the changes of one kind of object, in order, from a version on.
//
//   auto watch = Watch::Start(*client, {.resource = kPods, .resource_version = version},
//                             [](WatchEvent event) { … }, [](Status why) { … });
//
// Runs as a coroutine on the client's I/O thread, which calls both functions; they
// must not block. It connects again by itself, with back-off, and goes on from the
// last version seen (of an object or a bookmark): the server ends every watch after
// some minutes, and connections break. `on_end` is called once, when it cannot go
// on: IsExpired (the version is no longer kept, said as HTTP 410 or as an ERROR event
// inside the stream: list again), PermissionDenied, NotFound (no such kind), … Not
// after Stop, which returns when no callback runs any more. The watch ends before
// the client. Most callers want an Informer, which lists as well.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/status.h"
#include "kube/client.h"

namespace millrace::kube {

enum class WatchEventType : uint8_t { kAdded, kModified, kDeleted, kBookmark };

struct WatchEvent {
  WatchEventType type = WatchEventType::kAdded;
  Json object;  // a bookmark has only metadata.resourceVersion
  std::string resource_version;
};

// One line of a watch's stream. An ERROR event is the failure it tells. Bounded, pure.
Result<WatchEvent> ParseWatchLine(std::string_view line);

struct WatchOptions {
  GroupVersionResource resource;
  std::string ns = {};  // "": all
  std::string label_selector = {};
  std::string field_selector = {};
  std::string resource_version = {};  // "": from now on, beginning with what there is
  CallOptions call = {};
};

class Watch {
 public:
  static std::unique_ptr<Watch> Start(Client& client, WatchOptions options,
                                      std::function<void(WatchEvent)> on_event,
                                      std::function<void(Status)> on_end);
  ~Watch() { Stop(); }
  void Stop();

 private:
  struct State;
  explicit Watch(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;  // shared with its coroutine
};

}  // namespace millrace::kube
