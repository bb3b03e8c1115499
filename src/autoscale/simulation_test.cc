#include "autoscale/simulation.h"

#include <gtest/gtest.h>

#include <cmath>

namespace millrace::autoscale {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

Trace Constant(double rate, Micros duration) {
  Trace trace;
  trace.name = "constant";
  trace.intervals.push_back({Micros(0), rate, 0});
  trace.duration = duration;
  return trace;
}

// The oracle: Erlang's formula for c servers and a load of a = λ/μ, as every textbook has it.
double ErlangC(int c, double a) {
  double term = 1, sum = 0;
  for (int k = 0; k < c; ++k) {
    sum += term;
    term *= a / (k + 1);
  }
  const double last = term / (1 - a / c);
  return last / (sum + last);
}

TEST(Simulation, IsTheQueueOfErlang) {
  struct Case {
    int replicas, concurrency;
    double rate, service_ms;
  };
  // Loads of 50% to 95%, in one place and in many; 32 places of 4 replicas are as good as those of 32.
  const Case cases[] = {{1, 1, 50, 10}, {2, 1, 150, 10}, {4, 8, 2880, 10}, {32, 1, 2880, 10}, {1, 5, 95, 50}};
  for (const Case& c : cases) {
    SimulationOptions options;
    options.replica.concurrency = c.concurrency;
    options.replica.service_ms = c.service_ms;
    options.replica.timeout = hours(24);
    options.replica.queue_limit = 1'000'000;
    const Trace trace = Constant(c.rate, Micros(static_cast<int64_t>(600'000 / c.rate * 1e6)));
    const auto policy = MakeFixedAutoscaler(c.replicas);
    const auto result = Simulate(trace, *policy, options);
    ASSERT_TRUE(result.ok()) << result.status().ToString();
    const int places = c.replicas * c.concurrency;
    const double load = c.rate * c.service_ms / 1000;
    const double waits = ErlangC(places, load);
    const double mean_wait_ms = waits * c.service_ms / (places - load);
    const double near = load / places > 0.9 ? 0.10 : 0.04;  // a fuller queue needs longer to show its mean
    EXPECT_NEAR(result->waited, waits, near * waits) << places << " places at " << load;
    EXPECT_NEAR(result->mean_wait_ms, mean_wait_ms, near * mean_wait_ms) << places << " places at " << load;
    EXPECT_NEAR(result->busy, load / places, 0.01 * load / places);
    EXPECT_NEAR(result->mean_ms, c.service_ms + mean_wait_ms, near * (c.service_ms + mean_wait_ms));
    EXPECT_NEAR(static_cast<double>(result->requests), 600'000, 4000);
  }
}

TEST(Simulation, HasThePercentilesOfOneServer) {
  // The time in an M/M/1 queue is exponential with rate μ − λ.
  SimulationOptions options;
  options.replica = {.concurrency = 1, .service_ms = 10, .timeout = hours(24), .queue_limit = 1'000'000};
  const auto policy = MakeFixedAutoscaler(1);
  const auto result = Simulate(Constant(70, seconds(15'000)), *policy, options);
  ASSERT_TRUE(result.ok());
  for (const auto& [fraction, got] :
       {std::pair{0.50, result->p50_ms}, std::pair{0.95, result->p95_ms}, std::pair{0.99, result->p99_ms}}) {
    const double expected = -std::log(1 - fraction) / (100 - 70) * 1000;
    EXPECT_NEAR(got, expected, 0.05 * expected) << fraction;
  }
}

TEST(Simulation, HasTheWaitOfFixedAndSpreadServiceTimes) {
  // Pollaczek and Khinchine: the mean wait is that of M/M/1 times (1 + variation²) / 2.
  for (const auto& [shape, variation] :
       {std::pair{ServiceShape::kFixed, 0.0}, std::pair{ServiceShape::kLogNormal, 0.7}}) {
    SimulationOptions options;
    options.replica = {.concurrency = 1,
                       .service_ms = 10,
                       .shape = shape,
                       .variation = variation,
                       .timeout = hours(24),
                       .queue_limit = 1'000'000};
    const auto policy = MakeFixedAutoscaler(1);
    const auto result = Simulate(Constant(60, seconds(15'000)), *policy, options);
    ASSERT_TRUE(result.ok());
    const double expected = 0.6 / (100 - 60) * 1000 * (1 + variation * variation) / 2;
    EXPECT_NEAR(result->mean_wait_ms, expected, 0.05 * expected);
  }
}

SimulationOptions Quick() {
  SimulationOptions options;
  options.replica.concurrency = 4;
  options.replica.service_ms = 50;
  return options;
}

HpaSpec Hpa(int32_t max) {
  HpaSpec spec;
  spec.max_replicas = max;
  spec.metrics[0].target = 70;
  return spec;
}

KpaSpec Kpa(int32_t max) {
  KpaSpec spec;
  spec.total_value = 4;
  spec.max_scale = max;
  return spec;
}

QueueSpec Queue(int32_t max) {
  QueueSpec spec;
  spec.triggers.push_back({"outstanding", TargetType::kAverageValue, 2800});
  spec.max_replicas = max;
  return spec;
}

std::vector<std::unique_ptr<Autoscaler>> Policies() {
  std::vector<std::unique_ptr<Autoscaler>> policies;
  policies.push_back(MakeFixedAutoscaler(8));
  policies.push_back(MakeHpaAutoscaler(Hpa(20), {}, 4));
  policies.push_back(MakeKpaAutoscaler(Kpa(20)));
  policies.push_back(MakeQueueAutoscaler(Queue(20), true));
  return policies;
}

TEST(Simulation, IsTheSameForASeed) {
  const Trace trace = *MakeDay("spike", 20, 1);
  for (size_t i = 0; i < Policies().size(); ++i) {
    SimulationOptions options = Quick();
    const auto run = [&] { return *Simulate(trace, *Policies()[i], options); };
    const SimulationResult first = run();
    const SimulationResult second = run();
    EXPECT_EQ(first.p99_ms, second.p99_ms);
    EXPECT_EQ(first.replica_seconds, second.replica_seconds);
    EXPECT_EQ(first.requests, second.requests);
    options.seed = 2;
    EXPECT_NE(run().requests, first.requests);
  }
}

TEST(Simulation, AccountsForEveryRequestAndReplica) {
  const Trace trace = *MakeDay("sale", 60, 1);
  for (const auto& policy : Policies()) {
    SimulationOptions options = Quick();
    options.replica.timeout = seconds(2);
    options.replica.queue_limit = 50;
    const SimulationResult r = *Simulate(trace, *policy, options);
    EXPECT_EQ(r.requests, r.served + r.timeouts + r.rejected + r.unfinished) << r.policy;
    double replica_seconds = 0, arrived = 0;
    int64_t failed = 0;
    for (size_t i = 0; i < r.series.size(); ++i) {
      const Micros end = i + 1 < r.series.size() ? r.series[i + 1].begin : trace.duration;
      const double length = std::chrono::duration<double>(end - r.series[i].begin).count();
      replica_seconds += r.series[i].replicas * length;
      arrived += r.series[i].rate * length;
      failed += r.series[i].failed;
      EXPECT_LE(r.series[i].ready, r.series[i].replicas + 1e-9);
    }
    EXPECT_NEAR(replica_seconds, r.replica_seconds, 1e-6 * r.replica_seconds + 1e-3) << r.policy;
    EXPECT_NEAR(arrived, static_cast<double>(r.requests), 1) << r.policy;
    EXPECT_EQ(failed, r.timeouts + r.rejected) << r.policy;
    EXPECT_NEAR(r.cost, r.replica_seconds / 3600 * 0.10, 1e-9);
    EXPECT_LE(r.max_replicas, 20);
    for (size_t i = 1; i < r.changes.size(); ++i) EXPECT_EQ(r.changes[i].from, r.changes[i - 1].to);
  }
}

TEST(Simulation, ScalesToTheLoadWithEachPolicy) {
  // 100 requests/s of 50 ms are 5 at a time: of 2.8 wanted in each replica of 4 places, that is 2 replicas.
  const Trace trace = Constant(100, hours(2));
  for (const auto& policy : Policies()) {
    if (policy->name().starts_with("fixed")) continue;
    const SimulationResult r = *Simulate(trace, *policy, Quick());
    EXPECT_GE(r.series.back().replicas, 2) << r.policy;
    EXPECT_LE(r.series.back().replicas, 4) << r.policy;
    EXPECT_LT(r.p99_ms, 1000) << r.policy;
    EXPECT_EQ(r.served + r.unfinished, r.requests) << r.policy;
  }
}

TEST(Simulation, GoesToZeroAtNightAndHoldsTheFirstRequest) {
  Trace trace = Constant(50, hours(1));
  trace.intervals.push_back({hours(1), 0, 0});
  trace.intervals.push_back({hours(2), 50, 0});
  trace.duration = hours(3);
  for (const auto& policy : Policies()) {
    const std::string name = policy->name();
    if (name == "hpa" || name.starts_with("fixed")) continue;
    const SimulationResult r = *Simulate(trace, *policy, Quick());
    const auto at = [&](Micros time) {
      return r.series[static_cast<size_t>(time / (trace.duration / 720))].replicas;
    };
    EXPECT_EQ(at(minutes(110)), 0) << name;
    EXPECT_GT(at(minutes(130)), 0) << name;
    EXPECT_EQ(r.timeouts, 0) << name;
    EXPECT_GT(r.max_ms, 3'900) << name << ": somebody waited for the start";
    EXPECT_LT(r.max_ms, 8'000) << name << ": and not for the poll";
  }
  const auto polled = MakeQueueAutoscaler(Queue(20), false);
  EXPECT_GT(Simulate(trace, *polled, Quick())->max_ms, 5'900) << "without push the next poll is waited for";
}

TEST(Simulation, TimesOutAndRejects) {
  SimulationOptions options = Quick();
  options.replica.timeout = seconds(1);
  options.replica.queue_limit = 100;
  const auto none = MakeFixedAutoscaler(0);
  SimulationResult r = *Simulate(Constant(10, minutes(10)), *none, options);
  EXPECT_EQ(r.served, 0);
  EXPECT_EQ(r.requests, r.timeouts + r.unfinished);
  EXPECT_LE(r.unfinished, 30);
  EXPECT_EQ(r.p99_ms, 0);
  options.replica.queue_limit = 0;
  r = *Simulate(Constant(10, minutes(10)), *none, options);
  EXPECT_EQ(r.rejected, r.requests);
  const auto one = MakeFixedAutoscaler(1);
  r = *Simulate(Constant(400, minutes(10)), *one, options);
  double lost = 1;  // Erlang B: a load of 20 in 4 places, by its recursion
  for (int k = 1; k <= 4; ++k) lost = 20 * lost / (k + 20 * lost);
  EXPECT_NEAR(static_cast<double>(r.served) / 600, 400 * (1 - lost), 1.5);
}

TEST(Simulation, ReplaysEachRequestOfATrace) {
  Trace trace;
  trace.name = "log";
  trace.arrivals = Arrivals::kRequest;
  for (const int s : {0, 0, 0, 5}) trace.intervals.push_back({seconds(s), 1, s == 5 ? 2000.0 : 0});
  trace.duration = seconds(20);
  SimulationOptions options;
  options.replica = {.concurrency = 1, .service_ms = 1000, .shape = ServiceShape::kFixed};
  const auto policy = MakeFixedAutoscaler(1);
  const SimulationResult r = *Simulate(trace, *policy, options);
  EXPECT_EQ(r.served, 4);
  EXPECT_NEAR(r.mean_ms, (1000 + 2000 + 3000 + 2000) / 4.0, 1);
  EXPECT_NEAR(r.max_ms, 3000, 1);
  EXPECT_EQ(r.mean_wait_ms, 750);
}

TEST(Simulation, ReplaysCountsExactly) {
  Trace trace;
  trace.name = "counts";
  trace.arrivals = Arrivals::kCount;
  trace.intervals = {{seconds(0), 1000, 0}, {seconds(10), 0, 0}, {seconds(20), 1, 0}};
  trace.duration = seconds(30);
  SimulationOptions options = Quick();
  options.points = 3;
  const auto policy = MakeFixedAutoscaler(20);
  const SimulationResult r = *Simulate(trace, *policy, options);
  EXPECT_EQ(r.requests, 1001);
  ASSERT_EQ(r.series.size(), 3u);
  EXPECT_DOUBLE_EQ(r.series[0].rate, 100);
  EXPECT_DOUBLE_EQ(r.series[1].rate, 0);
  EXPECT_DOUBLE_EQ(r.series[2].rate, 0.1);
}

TEST(Simulation, SaysWhyItScaled) {
  const auto policy = MakeHpaAutoscaler(Hpa(20), {}, 4);
  const SimulationResult r = *Simulate(Constant(100, minutes(5)), *policy, Quick());
  ASSERT_FALSE(r.changes.empty());
  EXPECT_EQ(r.changes[0].from, 1);
  EXPECT_NE(r.changes[0].why[0].find("of what is requested is used, and 70% is the target"),
            std::string::npos);
}

TEST(Simulation, RefusesWhatMakesNoSense) {
  const auto message = [](auto change) {
    SimulationOptions options;
    change(options);
    return ValidateSimulation(options).message();
  };
  EXPECT_EQ(message([](SimulationOptions&) {}), "");
  EXPECT_EQ(message([](SimulationOptions& o) { o.replica.concurrency = 0; }),
            "a replica serves 0 requests at once; 1 to 10,000 can be");
  EXPECT_NE(message([](SimulationOptions& o) { o.replica.service_ms = std::nan(""); }), "");
  EXPECT_NE(message([](SimulationOptions& o) { o.replica.timeout = Micros(0); }), "");
  EXPECT_NE(message([](SimulationOptions& o) { o.price_per_replica_hour = -1; }), "");
}

}  // namespace
}  // namespace millrace::autoscale
