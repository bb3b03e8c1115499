#include "kube/events.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "kube/internal/event_aggregator.h"
#include "kube/internal/watch_loop.h"

namespace millrace::kube {
namespace {

using internal::Cancellation;
using internal::Core;
using internal::EventAggregator;
using internal::EventRemark;
using internal::EventWrite;
using internal::Task;
using std::chrono::steady_clock;

const GroupVersionResource kEvents{"events.k8s.io", "v1", "events"};
constexpr auto kSweep = std::chrono::seconds(10);

Json ReferenceTo(const Json& object) {
  Json reference = Json::object();
  for (const char* key : {"apiVersion", "kind"}) {
    if (object.contains(key)) reference[key] = object[key];
  }
  if (!object.contains("metadata") || !object["metadata"].is_object()) return reference;
  for (const char* key : {"name", "namespace", "uid", "resourceVersion"}) {
    if (object["metadata"].contains(key)) reference[key] = object["metadata"][key];
  }
  return reference;
}

Request CreateEvent(const EventWrite& write) {
  return CreateRequest(kEvents, write.ns, write.object, {}, {.priority = Priority::kBulk});
}

}  // namespace

struct EventRecorder::State {
  State(Core& c, EventOptions o)
      : core(c),
        options(std::move(o)),
        aggregator({.controller = options.controller,
                    .instance = options.instance,
                    .series_interval = options.series_interval}),
        wake(c.loop()),
        fiber(c) {}

  Core& core;
  const EventOptions options;

  mutable std::mutex mutex;
  std::condition_variable idle;
  EventAggregator aggregator;
  std::deque<EventWrite> queue;
  bool writing = false;
  int64_t lost = 0;

  internal::Signal wake;
  internal::Fiber fiber;

  // With the mutex held.
  void Push(EventWrite write) {
    if (queue.size() >= options.max_queue) {
      ++lost;
    } else {
      queue.push_back(std::move(write));
    }
  }
  void Wake(const std::shared_ptr<State>& self) {
    core.loop().Post([self] { self->wake.Notify(); });
  }
  std::optional<EventWrite> Next();
  Task<void> Write(EventWrite write, Cancellation& cancellation);
  Task<void> Run(Cancellation& cancellation);
};

std::optional<EventWrite> EventRecorder::State::Next() {
  const std::lock_guard lock(mutex);
  writing = !queue.empty();
  if (!writing) {
    idle.notify_all();
    return std::nullopt;
  }
  EventWrite write = std::move(queue.front());
  queue.pop_front();
  return write;
}

Task<void> EventRecorder::State::Write(EventWrite write, Cancellation& cancellation) {
  Status status;
  if (write.is_patch) {
    const Json patch = {{"series", write.object["series"]}};
    const ObjectName name{kEvents, write.ns, write.name, ""};
    const Request request = PatchRequest(name, PatchType::kMerge, patch, {}, {.priority = Priority::kBulk});
    Result<Json> written = co_await core.CallJson(request, cancellation);
    status = written.ok() ? Ok() : written.status();
  }
  // The server forgets events after an hour; then the series begins anew.
  if (!write.is_patch || status.code() == Code::kNotFound) {
    const Request request = CreateEvent(write);
    Result<Json> written = co_await core.CallJson(request, cancellation);
    status = written.ok() ? Ok() : written.status();
  }
  if (status.ok() || status.code() == Code::kAlreadyExists || cancellation.cancelled()) co_return;
  {
    const std::lock_guard lock(mutex);
    ++lost;
  }
  LogDebug("an event was not written", {{"why", status.message()}});
}

Task<void> EventRecorder::State::Run(Cancellation& cancellation) {
  internal::TimePoint swept = steady_clock::now();
  while (!cancellation.cancelled()) {
    if (steady_clock::now() - swept >= kSweep) {
      swept = steady_clock::now();
      const std::lock_guard lock(mutex);
      for (EventWrite& write : aggregator.Flush(SystemClock().Now())) Push(std::move(write));
    }
    std::optional<EventWrite> write = Next();
    if (write) {
      EventWrite one = std::move(*write);
      co_await Write(one, cancellation);
      continue;
    }
    const internal::TimePoint next_sweep = swept + kSweep;
    co_await wake.Wait(cancellation, next_sweep);
  }
  const std::lock_guard lock(mutex);
  writing = false;
  queue.clear();
  idle.notify_all();
}

Result<std::unique_ptr<EventRecorder>> EventRecorder::Create(Client& client, EventOptions options) {
  if (options.controller.empty() || options.instance.empty()) {
    return InvalidArgument("events need the name of their controller and its instance");
  }
  auto state = std::make_shared<State>(client.core(), std::move(options));
  State* const borrowed = state.get();
  state->fiber.Start(
      [borrowed](Cancellation& cancellation) -> Task<void> { co_await borrowed->Run(cancellation); }, state);
  return std::unique_ptr<EventRecorder>(new EventRecorder(std::move(state)));
}

EventRecorder::~EventRecorder() { state_->fiber.Stop(); }

void EventRecorder::Record(const Json& object, EventType type, const std::string& reason,
                           const std::string& action, const std::string& note) {
  const EventRemark remark{ReferenceTo(object), type == EventType::kWarning ? "Warning" : "Normal", reason,
                           action, note};
  {
    const std::lock_guard lock(state_->mutex);
    std::optional<EventWrite> write = state_->aggregator.Add(remark, SystemClock().Now());
    if (!write) return;
    state_->Push(std::move(*write));
  }
  state_->Wake(state_);
}

Status EventRecorder::Flush(steady_clock::time_point deadline) {
  {
    const std::lock_guard lock(state_->mutex);
    for (EventWrite& write : state_->aggregator.FlushAll(SystemClock().Now())) state_->Push(std::move(write));
  }
  state_->Wake(state_);
  std::unique_lock lock(state_->mutex);
  const bool done =
      state_->idle.wait_until(lock, deadline, [this] { return state_->queue.empty() && !state_->writing; });
  if (done) return Ok();
  return DeadlineExceeded("{} events were not written in time", state_->queue.size());
}

int64_t EventRecorder::dropped() const {
  const std::lock_guard lock(state_->mutex);
  return state_->lost + state_->aggregator.dropped();
}

}  // namespace millrace::kube
