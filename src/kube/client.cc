#include "kube/client.h"

#include <future>
#include <utility>

#include "base/json.h"
#include "kube/api_error.h"
#include "kube/internal/core.h"

namespace millrace::kube {
namespace {

using internal::Cancellation;
using internal::Core;
using internal::Stream;
using internal::Task;

constexpr auto kTick = std::chrono::milliseconds(200);

// What a log's coroutines and the thread that waits for them share.
struct LogState {
  std::unique_ptr<Cancellation> cancellation;  // made and destroyed on the loop's thread
  std::unique_ptr<Stream> stream;
};

// Runs `work` on the loop's thread and waits for what it gives; `cancelled` may call it off.
template <typename T>
Result<T> Wait(Core& core, std::function<Task<Result<T>>()> work, const std::function<void()>& call_off = {},
               const std::function<bool()>& cancelled = {}) {
  MR_CHECK(!core.loop().OnLoop(), "a blocking call on the I/O thread would wait for itself");
  auto promise = std::make_shared<std::promise<Result<T>>>();
  std::future<Result<T>> future = promise->get_future();
  core.loop().Spawn([work = std::move(work), promise]() -> Task<void> {
    Result<T> result = co_await work();
    promise->set_value(std::move(result));
  });
  bool called_off = false;
  while (cancelled && !called_off && future.wait_for(kTick) != std::future_status::ready) {
    if (!cancelled()) continue;
    called_off = true;
    core.loop().Post(call_off);
  }
  return future.get();
}

Result<Json> ParseAnswer(const Result<std::string>& body, const Request& request) {
  if (!body.ok()) return body.status();
  Result<Json> json = ParseJson(*body, 128);
  if (!json.ok()) return json.status().WithContext("the answer to " + request.verb + " " + request.what);
  return json;
}

}  // namespace

Client::Client(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::Create(ClientOptions options) {
  MR_ASSIGN_OR_RETURN(
      auto core,
      Core::Create({.config = std::move(options.config),
                    .queue = {.rate = options.rate, .burst = options.burst, .slots = options.max_connections},
                    .max_streams = options.max_streams,
                    .max_idle = static_cast<size_t>(std::max(options.max_connections, 1)),
                    .max_response = options.max_response,
                    .user_agent = std::move(options.user_agent)}));
  return std::unique_ptr<Client>(new Client(std::move(core)));
}

const ClientConfig& Client::config() const { return core_->options().config; }

Result<std::string> Client::DoText(const Request& request) {
  Core& core = *core_;
  return Wait<std::string>(core, [&core, &request]() -> Task<Result<std::string>> {
    Cancellation cancellation(core.loop());
    Result<std::string> body = co_await core.Call(request, cancellation);
    co_return body;
  });
}

Result<Json> Client::Do(const Request& request) { return ParseAnswer(DoText(request), request); }

void Client::DoAsync(Request request, std::function<void(Result<Json>)> done) {
  struct Pending {
    Request request;
    std::function<void(Result<Json>)> done;
  };
  auto pending = std::make_shared<Pending>(Pending{std::move(request), std::move(done)});
  Core& core = *core_;
  core.loop().Spawn([&core, pending]() -> Task<void> {
    Cancellation cancellation(core.loop());
    Result<Json> answer = co_await core.CallJson(pending->request, cancellation);
    pending->done(std::move(answer));
  });
}

Result<Json> Client::Get(const ObjectName& object, CallOptions call) { return Do(GetRequest(object, call)); }

Status Client::ListPages(const GroupVersionResource& resource, const std::string& ns,
                         const ListOptions& options, const std::function<Status(Json page)>& on_page,
                         CallOptions call) {
  ListOptions page_options = options;
  do {
    MR_ASSIGN_OR_RETURN(Json page, Do(ListRequest(resource, ns, page_options, call)));
    if (!page.is_object() || !page.contains("items") || !page["items"].is_array()) {
      return Unavailable("the answer to list {} is no list", resource.ToString());
    }
    page_options.continue_token.clear();
    if (page.contains("metadata") && page["metadata"].is_object()) {
      page_options.continue_token = page["metadata"].value("continue", "");
    }
    MR_RETURN_IF_ERROR(on_page(std::move(page)));
  } while (!page_options.continue_token.empty());
  return Ok();
}

Result<Json> Client::List(const GroupVersionResource& resource, const std::string& ns,
                          const ListOptions& options, CallOptions call) {
  Json all;
  const auto collect = [&all](Json page) {
    if (all.is_null()) {
      all = std::move(page);
      return Ok();
    }
    for (Json& item : page["items"]) all["items"].push_back(std::move(item));
    all["metadata"] = std::move(page["metadata"]);
    return Ok();
  };
  Status status = ListPages(resource, ns, options, collect, call);
  if (IsExpired(status) && options.continue_token.empty() && options.limit > 0) {
    // The server let the version go between two pages: all at once cannot expire.
    ListOptions whole = options;
    whole.limit = 0;
    all = Json();
    status = ListPages(resource, ns, whole, collect, call);
  }
  if (!status.ok()) return status;
  return all;
}

Result<Json> Client::Create(const GroupVersionResource& resource, const std::string& ns, const Json& body,
                            const WriteOptions& options, CallOptions call) {
  return Do(CreateRequest(resource, ns, body, options, call));
}

Result<Json> Client::Replace(const ObjectName& object, const Json& body, const WriteOptions& options,
                             CallOptions call) {
  return Do(ReplaceRequest(object, body, options, call));
}

Result<Json> Client::Patch(const ObjectName& object, PatchType type, const Json& patch,
                           const WriteOptions& options, CallOptions call) {
  return Do(PatchRequest(object, type, patch, options, call));
}

Result<Json> Client::Apply(const ObjectName& object, const Json& body, const ApplyOptions& options,
                           CallOptions call) {
  return Do(ApplyRequest(object, body, options, call));
}

Result<Json> Client::Delete(const ObjectName& object, const DeleteOptions& options, CallOptions call) {
  return Do(DeleteRequest(object, options, call));
}

Result<int64_t> Client::GetScale(const ObjectName& object, CallOptions call) {
  ObjectName scale = object;
  scale.subresource = "scale";
  MR_ASSIGN_OR_RETURN(const Json answer, Get(scale, call));
  const Json replicas = answer.value("/spec/replicas"_json_pointer, Json(0));
  if (!replicas.is_number_integer())
    return Unavailable("the scale of {} has no spec.replicas", Describe(object));
  return replicas.get<int64_t>();
}

Result<Json> Client::SetScale(const ObjectName& object, int64_t replicas, CallOptions call) {
  ObjectName scale = object;
  scale.subresource = "scale";
  return Patch(scale, PatchType::kMerge, {{"spec", {{"replicas", replicas}}}}, {}, call);
}

Result<std::string> Client::Raw(const std::string& path, CallOptions call) {
  return DoText(RawRequest(path, call));
}

Status Client::Logs(const std::string& ns, const std::string& pod, const LogOptions& options,
                    const std::function<bool(std::string_view piece)>& on_piece,
                    const std::function<bool()>& cancelled, CallOptions call) {
  Core& core = *core_;
  const Request request = LogRequest(ns, pod, options, call);
  auto state = std::make_shared<LogState>();
  const auto call_off = [state] {
    if (state->cancellation) state->cancellation->Cancel();
  };
  const auto never = [] { return false; };
  const auto is_cancelled = cancelled ? cancelled : std::function<bool()>(never);
  Result<bool> opened = Wait<bool>(
      core,
      [&core, &request, state]() -> Task<Result<bool>> {
        state->cancellation = std::make_unique<Cancellation>(core.loop());
        Result<std::unique_ptr<Stream>> stream = co_await core.Open(request, *state->cancellation);
        if (!stream.ok()) co_return stream.status();
        state->stream = std::move(*stream);
        co_return true;
      },
      call_off, is_cancelled);
  Status end = opened.ok() ? Ok() : opened.status();
  while (end.ok()) {
    Result<std::string> piece = Wait<std::string>(
        core,
        [state]() -> Task<Result<std::string>> {
          Result<std::string> read = co_await state->stream->Read(*state->cancellation, internal::kNever);
          co_return read;
        },
        call_off, is_cancelled);
    if (!piece.ok()) end = piece.status();
    if (!piece.ok() || piece->empty() || !on_piece(*piece)) break;
  }
  // A socket and what the loop tracks end on the loop's thread.
  (void)Wait<bool>(core, [state]() -> Task<Result<bool>> {
    state->stream.reset();
    state->cancellation.reset();
    co_return true;
  });
  return end;
}

}  // namespace millrace::kube
