#include "kube/watch.h"

#include <utility>

#include "base/log.h"
#include "kube/api_error.h"
#include "kube/internal/line_decoder.h"
#include "kube/internal/watch_loop.h"

namespace millrace::kube {
namespace {

using internal::Cancellation;
using internal::Core;
using internal::Task;
using std::chrono::steady_clock;

constexpr size_t kMaxLine = size_t{16} << 20;
// An object of the API has at most some 1.5 MB, a watch's line the same and a little more.
constexpr int kMaxDepth = 128;
// The server ends a watch after 5 to 10 minutes, so that not all end together.
constexpr double kShortest = 300;
constexpr double kLongest = 600;
constexpr auto kGrace = std::chrono::seconds(60);
constexpr auto kLongLived = std::chrono::seconds(5);

std::string TextAt(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// What connecting again cannot mend; whoever watches has to decide.
bool IsFinal(const Status& status) {
  switch (status.code()) {
    case Code::kInvalidArgument:
    case Code::kNotFound:
    case Code::kPermissionDenied:
    case Code::kUnauthenticated:
    case Code::kUnimplemented:
    case Code::kFailedPrecondition:  // expired, or a certificate not to trust
    case Code::kCancelled:
      return true;
    default:
      return false;
  }
}

}  // namespace

Result<WatchEvent> ParseWatchLine(std::string_view line) {
  if (line.size() > kMaxLine) return ResourceExhausted("an event has more than {} bytes", kMaxLine);
  MR_ASSIGN_OR_RETURN(Json root, ParseJson(line, kMaxDepth));
  if (!root.is_object() || !root.contains("object") || !root["object"].is_object()) {
    return DataLoss("a line of the watch is no event");
  }
  const std::string type = TextAt(root, "type");
  WatchEvent event;
  if (type == "ERROR") return ErrorFromStatus(root["object"], "watch", "the stream");
  if (type == "ADDED") {
    event.type = WatchEventType::kAdded;
  } else if (type == "MODIFIED") {
    event.type = WatchEventType::kModified;
  } else if (type == "DELETED") {
    event.type = WatchEventType::kDeleted;
  } else if (type == "BOOKMARK") {
    event.type = WatchEventType::kBookmark;
  } else {
    return DataLoss("a watch has no events of type '{}'", type.substr(0, 60));
  }
  event.object = std::move(root["object"]);
  const auto metadata = event.object.find("metadata");
  if (metadata != event.object.end() && metadata->is_object()) {
    event.resource_version = TextAt(*metadata, "resourceVersion");
  }
  if (event.resource_version.empty()) return DataLoss("an event of the watch has no resourceVersion");
  return event;
}

namespace internal {
namespace {

// What one stream of a watch brought.
struct StreamEnd {
  Status status;  // Ok: the server ended it, as it does
  bool events = false;
};

Task<StreamEnd> ReadStream(Stream& stream, Cancellation& cancellation, TimePoint deadline,
                           std::shared_ptr<WatchOptions> options,
                           const std::function<void(WatchEvent)>& on_event) {
  StreamEnd end;
  LineDecoder decoder(kMaxLine);
  const auto on_line = [&](std::string_view line) -> Status {
    MR_ASSIGN_OR_RETURN(WatchEvent event, ParseWatchLine(line));
    if (cancellation.cancelled()) return Cancelled("called off");
    options->resource_version = event.resource_version;
    end.events = true;
    on_event(std::move(event));
    return Ok();
  };
  while (end.status.ok()) {
    Result<std::string> piece = co_await stream.Read(cancellation, deadline);
    if (!piece.ok()) {
      end.status = piece.status();
    } else if (piece->empty()) {
      break;
    } else {
      end.status = decoder.Feed(*piece, on_line);
    }
  }
  co_return end;
}

}  // namespace

Task<Status> WatchLoop(Core& core, WatchOptions options, std::function<void(WatchEvent)> on_event,
                       Cancellation& cancellation) {
  Backoff backoff(std::chrono::milliseconds(100), std::chrono::seconds(30));
  auto current = std::make_shared<WatchOptions>(std::move(options));
  while (!cancellation.cancelled()) {
    const std::chrono::seconds length(
        static_cast<int64_t>(kShortest + (kLongest - kShortest) * core.Random()));
    const WatchParameters parameters{.label_selector = current->label_selector,
                                     .field_selector = current->field_selector,
                                     .resource_version = current->resource_version,
                                     .timeout = length};
    const Request request = WatchRequest(current->resource, current->ns, parameters, current->call);
    const TimePoint began = steady_clock::now();
    StreamEnd end;
    Result<std::unique_ptr<Stream>> stream = co_await core.Open(request, cancellation);
    if (stream.ok()) {
      const TimePoint deadline = began + length + kGrace;
      end = co_await ReadStream(*stream.value(), cancellation, deadline, current, on_event);
    } else {
      end.status = stream.status();
    }
    if (cancellation.cancelled()) break;
    if (IsFinal(end.status)) co_return end.status;
    if (!end.status.ok())
      LogDebug("a watch begins again", {{"of", request.what}, {"why", end.status.message()}});
    const bool good = end.events || (stream.ok() && steady_clock::now() - began > kLongLived);
    if (good) backoff.Reset();
    if (good && end.status.ok()) continue;
    const auto delay = backoff.Next(core.Random());
    const bool slept = co_await core.loop().Sleep(cancellation, delay);
    if (!slept) break;
  }
  co_return Cancelled("called off");
}

}  // namespace internal

struct Watch::State {
  explicit State(Core& core) : fiber(core) {}
  WatchOptions options;
  std::function<void(WatchEvent)> on_event;
  std::function<void(Status)> on_end;
  internal::Fiber fiber;
};

std::unique_ptr<Watch> Watch::Start(Client& client, WatchOptions options,
                                    std::function<void(WatchEvent)> on_event,
                                    std::function<void(Status)> on_end) {
  Core& core = client.core();
  auto state = std::make_shared<State>(core);
  state->options = std::move(options);
  state->on_event = std::move(on_event);
  state->on_end = std::move(on_end);
  // The coroutine borrows the state, which `keep` holds until it has ended.
  State* const borrowed = state.get();
  state->fiber.Start(
      [&core, borrowed](Cancellation& cancellation) -> Task<void> {
        Status end = co_await internal::WatchLoop(core, borrowed->options, borrowed->on_event, cancellation);
        if (!cancellation.cancelled()) borrowed->on_end(std::move(end));
      },
      state);
  return std::unique_ptr<Watch>(new Watch(std::move(state)));
}

void Watch::Stop() { state_->fiber.Stop(); }

}  // namespace millrace::kube
