#include "controller/task_set.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

namespace millrace::controller {
namespace {

// Collects the keys of ended tasks; Wait blocks for the next one.
class Ended {
 public:
  void operator()(const std::string& key) {
    {
      const std::lock_guard lock(mutex_);
      keys_.push_back(key);
    }
    changed_.notify_all();
  }
  std::string Wait() {
    std::unique_lock lock(mutex_);
    const bool came = changed_.wait_for(lock, std::chrono::seconds(30), [this] { return !keys_.empty(); });
    if (!came) return "nothing within 30 s";
    std::string key = keys_.front();
    keys_.pop_front();
    return key;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> keys_;
};

TaskSet::Options With(Ended& ended, int64_t limit = 2) {
  return {.limit = limit, .ended = [&ended](const std::string& key) { ended(key); }};
}

TEST(TaskSet, ShowsProgressAndThenTheResult) {
  Ended ended;
  TaskSet tasks(With(ended));
  std::promise<void> reported;
  std::promise<void> go;
  ASSERT_TRUE(tasks.Start("k", "input-1", [&](TaskContext& task) -> Status {
    task.Report("reading", 3, 10);
    reported.set_value();
    go.get_future().wait();
    return NotFound("no file");
  }));
  reported.get_future().wait();
  TaskView view = *tasks.Find("k");
  EXPECT_TRUE(view.running);
  EXPECT_EQ(view.stage, "reading");
  EXPECT_EQ(view.done, 3);
  EXPECT_EQ(view.total, 10);
  EXPECT_FALSE(tasks.Start("k", "input-2", [](TaskContext&) { return Ok(); }));
  go.set_value();
  EXPECT_EQ(ended.Wait(), "k");
  view = *tasks.Find("k");
  EXPECT_FALSE(view.running);
  EXPECT_EQ(view.input, "input-1");
  EXPECT_EQ(view.result.code(), Code::kNotFound);
  EXPECT_EQ(view.failures, 1);
}

TEST(TaskSet, FailuresInARowCountPerInput) {
  Ended ended;
  TaskSet tasks(With(ended));
  const auto fail = [](TaskContext&) -> Status { return Unavailable("later"); };
  for (int64_t i = 1; i <= 3; ++i) {
    ASSERT_TRUE(tasks.Start("k", "same", fail));
    ended.Wait();
    EXPECT_EQ(tasks.Find("k")->failures, i);
  }
  ASSERT_TRUE(tasks.Start("k", "other", fail));
  ended.Wait();
  EXPECT_EQ(tasks.Find("k")->failures, 1);
}

TEST(TaskSet, AtMostTheLimitRunAtOnceAndTheRestInTurn) {
  Ended ended;
  TaskSet tasks(With(ended, 1));
  std::atomic<int> now{0};
  std::atomic<int> most{0};
  for (int i = 0; i < 8; ++i) {
    tasks.Start(std::to_string(i), "", [&](TaskContext&) -> Status {
      most = std::max(most.load(), ++now);
      --now;
      return Ok();
    });
  }
  for (int i = 0; i < 8; ++i) ended.Wait();
  EXPECT_EQ(most.load(), 1);
}

TEST(TaskSet, StopEndsRunningAndWaitingTasks) {
  Ended ended;
  TaskSet tasks(With(ended, 1));
  std::promise<void> began;
  tasks.Start("runs", "", [&](TaskContext& task) -> Status {
    began.set_value();
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait(lock, task.stop_token(), [] { return false; });
    return Cancelled("asked to stop");
  });
  began.get_future().wait();
  std::atomic<bool> ran{false};
  tasks.Start("waits", "", [&](TaskContext&) -> Status {
    ran = true;
    return Ok();
  });
  tasks.Stop();
  EXPECT_FALSE(ran);
  EXPECT_FALSE(tasks.Start("late", "", [](TaskContext&) { return Ok(); }));
  EXPECT_EQ(tasks.Find("runs")->result.code(), Code::kCancelled);
}

TEST(TaskSet, WhatIsForgottenEndsAndIsAsIfItNeverWas) {
  TaskSet tasks({.limit = 1, .ended = {}});
  tasks.Start("a", "1", [](TaskContext& task) {
    while (!task.stopped()) std::this_thread::yield();
    return Cancelled("called off");
  });
  tasks.Forget("a");
  tasks.Forget("never started");
  // It shows while it still runs, so that others can wait for it.
  while (const std::optional<TaskView> view = tasks.Find("a")) EXPECT_TRUE(view->running);
  // Its failure is not that of another task of the same key and input.
  ASSERT_TRUE(tasks.Start("a", "1", [](TaskContext&) { return Internal("broken"); }));
  while (tasks.Find("a")->running) std::this_thread::yield();
  EXPECT_EQ(tasks.Find("a")->failures, 1);
  EXPECT_EQ(tasks.Find("a")->result.code(), Code::kInternal);
}

}  // namespace
}  // namespace millrace::controller
