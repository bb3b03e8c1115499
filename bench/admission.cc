// bench_admission: how fast it is decided who runs next, on a synthetic company: 100
// projects in 10 cohorts, 20 pools of 64 nodes of 8 GPUs, workloads of 1 to 16 GPUs at 4
// priorities. Prints JSON.
//
//   bulk      one Decide-like cycle over everything that waits, the pools empty
//   steady    the pools full: one ends, one comes, one cycle; latency of each (20 s at most)
//   explain   a sentence for each that waits
//   simulate  a tenth of the jobs through the simulator, arrival to end
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "admission/scheduler.h"
#include "admission/simulate.h"
#include "base/json.h"

namespace millrace::admission {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int64_t kProjects = 100;
constexpr int64_t kPools = 20;
constexpr int64_t kNodes = 64;
constexpr EventTime kStart{1'800'000'000'000'000};

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class Company {
 public:
  explicit Company(uint64_t seed) : random_(seed) {
    for (int64_t p = 0; p < kPools; ++p) {
      options_.pools.push_back(
          {.name = fmt::format("pool-{:02}", p),
           .shapes = {{.name = "node",
                       .capacity = {{"cpu", 96'000}, {"memory", int64_t{1} << 40}, {"nvidia.com/gpu", 8}},
                       .most = kNodes,
                       .price_per_hour = 30}}});
    }
    for (int64_t p = 0; p < kProjects; ++p) {
      Project project{.name = fmt::format("project-{:03}", p), .cohort = fmt::format("cohort-{}", p % 10)};
      project.weight = static_cast<double>(1 + p % 3);
      // A project has quota in two pools, and borrows from the nine others of its cohort there.
      for (const int64_t pool : {p % 10 * 2, p % 10 * 2 + 1}) {
        project.quotas.push_back({.pool = options_.pools[static_cast<size_t>(pool)].name,
                                  .resource = "nvidia.com/gpu",
                                  .nominal = kNodes * 8 / 10});
      }
      options_.projects.push_back(project);
    }
  }

  const Scheduler::Options& options() const { return options_; }

  Workload Next(EventTime now) {
    const Project& project = options_.projects[Below(kProjects)];
    static constexpr int64_t kGpus[] = {1, 1, 1, 2, 4, 8};
    const int64_t gpus = kGpus[Below(6)];
    Workload w{.name = fmt::format("job-{:07}", number_++), .project = project.name};
    w.pools = {project.quotas[0].pool, project.quotas[1].pool};
    w.priority = static_cast<int64_t>(Below(4));
    w.queued_at = now;
    w.pods = {{.count = gpus == 8 && Below(2) == 0 ? 2 : 1,
               .requests = {{"cpu", gpus * 8000}, {"memory", gpus << 36}, {"nvidia.com/gpu", gpus}}}};
    return w;
  }

  size_t Below(int64_t bound) { return random_() % static_cast<uint64_t>(bound); }

 private:
  std::mt19937_64 random_;
  Scheduler::Options options_;
  int64_t number_ = 0;
};

// Runs out of room when the pools are full: what is beyond is refused with its reason.
Json Bulk(int64_t jobs) {
  Company company(1);
  Scheduler scheduler = *Scheduler::Create(company.options());
  std::vector<Workload> waiting;
  for (int64_t i = 0; i < jobs; ++i) waiting.push_back(company.Next(kStart));
  const auto added = Clock::now();
  for (const Workload& w : waiting) MR_CHECK(scheduler.Add(w).ok(), "a job of the benchmark");
  const double add_s = SecondsSince(added);
  const auto decided = Clock::now();
  const size_t admitted = scheduler.Cycle(kStart).size();
  const double cycle_s = SecondsSince(decided);
  const auto explained = Clock::now();
  const size_t sentences = scheduler.ExplainAll().size();
  const double explain_s = SecondsSince(explained);
  return {
      {"workloads", jobs},
      {"add_per_s", static_cast<double>(jobs) / add_s},
      {"cycle_ms", cycle_s * 1e3},
      {"admitted", admitted},
      {"admissions_per_s", static_cast<double>(admitted) / cycle_s},
      {"decisions_per_s", static_cast<double>(jobs) / cycle_s},
      {"decisions_per_s_with_intake_and_reasons", static_cast<double>(jobs) / (add_s + cycle_s + explain_s)},
      {"explanations_per_s", static_cast<double>(sentences) / explain_s}};
}

Json Steady(int64_t jobs, int64_t events, Micros step) {
  Company company(2);
  Scheduler scheduler = *Scheduler::Create(company.options());
  for (int64_t i = 0; i < jobs; ++i)
    MR_CHECK(scheduler.Add(company.Next(kStart)).ok(), "a job of the benchmark");
  std::vector<std::string> running;
  EventTime now = kStart;
  int64_t admitted = 0;
  int64_t preempted = 0;
  const auto decide = [&] {
    for (const Action& action : scheduler.Cycle(now)) {
      if (action.kind == Action::Kind::kAdmit) {
        running.push_back(action.workload);
        ++admitted;
      } else {
        std::erase(running, action.workload);
        MR_CHECK(scheduler.Stopped(action.workload).ok(), "a preempted job");
        ++preempted;
      }
    }
  };
  // Settles: who came too late to be first preempts, once.
  const auto settling = Clock::now();
  for (int64_t before = -1; before != preempted && SecondsSince(settling) < 60;) {
    before = preempted;
    decide();
  }
  const double settle_s = SecondsSince(settling);
  const int64_t settled = preempted;
  admitted = 0;
  preempted = 0;
  std::vector<double> micros;
  const auto start = Clock::now();
  for (int64_t i = 0; i < events && SecondsSince(start) < 20; ++i) {
    const auto began = Clock::now();
    now = now + step;
    const size_t ends = company.Below(static_cast<int64_t>(running.size()));
    MR_CHECK(scheduler.Remove(running[ends]).ok(), "a job that runs");
    running[ends] = running.back();
    running.pop_back();
    MR_CHECK(scheduler.Add(company.Next(now)).ok(), "a job of the benchmark");
    decide();
    micros.push_back(SecondsSince(began) * 1e6);
  }
  const double seconds = SecondsSince(start);
  std::sort(micros.begin(), micros.end());
  events = static_cast<int64_t>(micros.size());
  return {{"settle_s", settle_s},
          {"settle_preempted", settled},
          {"waiting", scheduler.waiting()},
          {"running", scheduler.running()},
          {"events", events},
          {"cycles_per_s", static_cast<double>(events) / seconds},
          {"admissions_per_s", static_cast<double>(admitted) / seconds},
          {"preempted", preempted},
          {"p50_us", micros[micros.size() / 2]},
          {"p99_us", micros[micros.size() * 99 / 100]}};
}

Json Simulated(int64_t jobs) {
  Company company(3);
  SimulationOptions options{.pools = company.options().pools, .projects = company.options().projects};
  for (int64_t i = 0; i < jobs; ++i) {
    const EventTime arrival = kStart + std::chrono::seconds(i);
    options.jobs.push_back({.workload = company.Next(arrival),
                            .runs = std::chrono::seconds(600 + company.Below(5400)),
                            .checkpoints_every = std::chrono::minutes(10)});
  }
  const auto start = Clock::now();
  const SimulationResult result = *Simulate(options);
  const double seconds = SecondsSince(start);
  double saved = 0;
  for (const PoolOutcome& pool : result.pools) saved += pool.saved() / std::max(pool.always_on_cost, 1.0);
  return {{"jobs", jobs},
          {"seconds", seconds},
          {"jobs_per_s", static_cast<double>(jobs) / seconds},
          {"finished", result.finished},
          {"preemptions", result.preemptions},
          {"mean_wait_s", static_cast<double>(result.mean_wait.count()) / 1e6},
          {"saved_by_tear_down", saved / static_cast<double>(result.pools.size())}};
}

int Main(int argc, char** argv) {
  const int64_t jobs = argc > 1 ? std::atoll(argv[1]) : 100'000;
  Json result;
  result["bulk"] = Bulk(jobs);
  result["steady"] = Steady(jobs, 5'000, std::chrono::milliseconds(10));
  result["steady_all_reserve"] = Steady(jobs, 1'000, std::chrono::minutes(5));
  result["simulate"] = Simulated(jobs / 10);
  fmt::print("{}\n", FormatJson(result));
  return 0;
}

}  // namespace
}  // namespace millrace::admission

int main(int argc, char** argv) { return millrace::admission::Main(argc, argv); }
