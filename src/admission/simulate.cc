#include "admission/simulate.h"

#include <algorithm>
#include <map>
#include <queue>
#include <tuple>
#include <unordered_map>

#include "admission/scheduler.h"

namespace millrace::admission {
namespace {

constexpr double kMicrosPerHour = 3.6e9;

double Hours(Micros time) { return static_cast<double>(time.count()) / kMicrosPerHour; }

// One node's life: when it was asked for, until when it is used, what it has cost so far.
struct Node {
  bool up = false;
  EventTime since;       // it was asked for
  EventTime ready_at;    // it is up
  EventTime idle_since;  // when nothing runs on it
  int64_t jobs = 0;
};

struct PoolRun {
  const Pool* pool = nullptr;
  std::map<std::string, size_t> first;     // of a shape's nodes
  std::vector<const NodeShape*> shape_of;  // by node
  std::vector<Node> nodes;
  double node_hours = 0;
  double cost = 0;
  double busy_hours = 0;  // node-hours, weighed by what was held of what it is bought for
};

struct JobRun {
  const SimulatedJob* job = nullptr;
  Micros left = {};      // of its work
  uint64_t attempt = 0;  // an end that belongs to an earlier one is void
  EventTime admitted_at;
  EventTime working_from;  // its nodes are up
  Assignment assignment;
  bool started = false;
  double gpus = 0;
};

double ShareOf(const Workload& workload, const NodeAssignment& at, const NodeShape& shape,
               std::string_view resource) {
  const ResourceList& requests = workload.pods[static_cast<size_t>(at.pod_set)].requests;
  const auto asked = requests.find(resource);
  const auto capacity = shape.capacity.find(resource);
  if (asked == requests.end() || capacity == shape.capacity.end() || capacity->second <= 0) return 0;
  return static_cast<double>(asked->second * at.pods) / static_cast<double>(capacity->second);
}

// The share of a node that pods of the job hold: of the resource they hold most of.
double DominantShareOf(const Workload& workload, const NodeAssignment& at, const NodeShape& shape) {
  double share = 0;
  for (const auto& [resource, amount] : shape.capacity)
    share = std::max(share, ShareOf(workload, at, shape, resource));
  return share;
}

// What a node is bought for: its GPUs, else its slots, else its cores.
std::string MainResource(const NodeShape& shape) {
  std::string main = "cpu";
  for (const auto& [resource, amount] : shape.capacity) {
    if (amount <= 0) continue;
    if (resource.ends_with("/gpu")) return resource;
    if (resource == "slots") main = resource;
  }
  return main;
}

double Gpus(const Workload& workload) {
  double gpus = 0;
  for (const PodSet& set : workload.pods) {
    for (const auto& [resource, amount] : set.requests) {
      if (resource.ends_with("/gpu")) gpus += static_cast<double>(amount * set.count);
    }
  }
  return gpus;
}

class Simulation {
 public:
  Simulation(const SimulationOptions& options, Scheduler scheduler)
      : options_(options), scheduler_(std::move(scheduler)) {}

  Result<SimulationResult> Run() {
    MR_RETURN_IF_ERROR(Prepare());
    while (!events_.empty()) {
      now_ = std::get<0>(events_.top());
      while (!events_.empty() && std::get<0>(events_.top()) == now_) {
        const auto [at, job, attempt] = events_.top();
        events_.pop();
        MR_RETURN_IF_ERROR(Happen(job, attempt));
      }
      MR_RETURN_IF_ERROR(Decide());
    }
    return Finish();
  }

 private:
  // When, which job; attempt 0 is its arrival, another the end of that attempt.
  using Event = std::tuple<EventTime, size_t, uint64_t>;

  Status Prepare() {
    for (const Pool& pool : options_.pools) {
      PoolRun& run = pools_[pool.name];
      run.pool = &pool;
      for (const NodeShape& shape : pool.shapes) {
        run.first[shape.name] = run.nodes.size();
        const size_t nodes = static_cast<size_t>(std::max(shape.most, shape.ready));
        run.shape_of.insert(run.shape_of.end(), nodes, &shape);
        run.nodes.resize(run.nodes.size() + nodes);
      }
    }
    runs_.resize(options_.jobs.size());
    result_.jobs.resize(options_.jobs.size());
    for (size_t i = 0; i < options_.jobs.size(); ++i) {
      const SimulatedJob& job = options_.jobs[i];
      constexpr int64_t kFar = int64_t{1} << 59;
      if (job.runs < Micros(0) || job.runs.count() > kFar || job.checkpoints_every < Micros(0)) {
        return InvalidArgument("the job '{}' runs for a time that is out of range", job.workload.name);
      }
      runs_[i].job = &job;
      runs_[i].left = job.runs;
      runs_[i].gpus = Gpus(job.workload);
      result_.jobs[i].job = job.workload.name;
      if (!by_name_.emplace(job.workload.name, i).second) {
        return InvalidArgument("two jobs are called '{}'", job.workload.name);
      }
      events_.emplace(job.workload.queued_at, i, 0);
    }
    if (!options_.jobs.empty()) begin_ = std::get<0>(events_.top());
    end_ = begin_;
    return Ok();
  }

  Status Happen(size_t i, uint64_t attempt) {
    JobRun& run = runs_[i];
    if (attempt == 0) {
      Workload workload = run.job->workload;
      workload.state = State::kWaiting;
      return scheduler_.Add(workload);
    }
    if (attempt != run.attempt) return Ok();  // it was preempted before
    Leave(i);
    JobOutcome& outcome = result_.jobs[i];
    outcome.finished = true;
    outcome.ended_at = now_;
    ++result_.finished;
    end_ = std::max(end_, now_);
    return scheduler_.Remove(run.job->workload.name);
  }

  // Until nothing changes: who is preempted makes room at once.
  Status Decide() {
    for (bool again = true; again;) {
      again = false;
      for (const Action& action : scheduler_.Cycle(now_)) {
        const size_t i = by_name_.at(action.workload);
        if (action.kind == Action::Kind::kAdmit) {
          Start(i, action.assignment);
          continue;
        }
        Interrupt(i);
        MR_RETURN_IF_ERROR(scheduler_.Stopped(action.workload));
        again = true;
      }
    }
    return Ok();
  }

  void Start(size_t i, const Assignment& assignment) {
    JobRun& run = runs_[i];
    PoolRun& pool = pools_.at(assignment.pool);
    run.assignment = assignment;
    run.admitted_at = now_;
    run.working_from = now_;
    for (const NodeAssignment& at : assignment.nodes) {
      Node& node = NodeOf(pool, at);
      if (node.up && node.jobs == 0 && node.idle_since + options_.tear_down_after < now_) {
        Pay(pool, at, node, node.idle_since + options_.tear_down_after);
      }
      if (!node.up)
        node = {
            .up = true, .since = now_, .ready_at = now_ + options_.node_start, .idle_since = {}, .jobs = 0};
      ++node.jobs;
      run.working_from = std::max(run.working_from, node.ready_at);
    }
    if (!run.started) result_.jobs[i].waited = run.working_from - run.job->workload.queued_at;
    run.started = true;
    events_.emplace(run.working_from + run.left, i, ++run.attempt);
  }

  static Node& NodeOf(PoolRun& pool, const NodeAssignment& at) {
    return pool.nodes[pool.first.at(at.shape) + static_cast<size_t>(at.node)];
  }

  static void Pay(PoolRun& pool, const NodeAssignment& at, Node& node, EventTime until) {
    const double hours = Hours(until - node.since);
    pool.node_hours += hours;
    pool.cost += hours * pool.shape_of[pool.first.at(at.shape)]->price_per_hour;
    node = Node();
  }

  // Gives its nodes back, and books what it held.
  void Leave(size_t i) {
    JobRun& run = runs_[i];
    PoolRun& pool = pools_.at(run.assignment.pool);
    const double hours = Hours(now_ - run.admitted_at);
    JobOutcome& outcome = result_.jobs[i];
    for (const NodeAssignment& at : run.assignment.nodes) {
      const NodeShape& shape = *pool.shape_of[pool.first.at(at.shape)];
      outcome.cost += hours * DominantShareOf(run.job->workload, at, shape) * shape.price_per_hour;
      pool.busy_hours += hours * ShareOf(run.job->workload, at, shape, MainResource(shape));
      Node& node = NodeOf(pool, at);
      if (--node.jobs == 0) node.idle_since = now_;
    }
    outcome.gpu_hours += hours * run.gpus;
    result_.gpu_hours += hours * run.gpus;
  }

  void Interrupt(size_t i) {
    JobRun& run = runs_[i];
    Leave(i);
    ++run.attempt;
    ++result_.jobs[i].preempted;
    ++result_.preemptions;
    const Micros worked = std::max(Micros(0), now_ - run.working_from);
    const Micros every = run.job->checkpoints_every;
    const Micros kept = every > Micros(0) ? worked - worked % every : Micros(0);
    run.left -= kept;
    result_.lost_gpu_hours += Hours(worked - kept) * run.gpus;
  }

  Result<SimulationResult> Finish() {
    for (const Waiting& waiting : scheduler_.ExplainAll()) {
      result_.jobs[by_name_.at(waiting.workload)].reason = waiting.reason;
    }
    result_.makespan = end_ - begin_;
    for (auto& [name, pool] : pools_) {
      double always_on = 0;
      for (size_t n = 0; n < pool.nodes.size(); ++n) {
        Node& node = pool.nodes[n];
        const NodeShape& shape = *pool.shape_of[n];
        always_on += Hours(result_.makespan) * shape.price_per_hour;
        if (!node.up) continue;
        const NodeAssignment at{.shape = shape.name};
        Pay(pool, at, node, node.jobs > 0 ? end_ : node.idle_since + options_.tear_down_after);
      }
      result_.pools.push_back({.pool = name,
                               .node_hours = pool.node_hours,
                               .busy_share = pool.node_hours > 0 ? pool.busy_hours / pool.node_hours : 0,
                               .cost = pool.cost,
                               .always_on_cost = always_on});
    }
    SumWaits();
    return std::move(result_);
  }

  void SumWaits() {
    std::vector<Micros> waits;
    Micros sum{0};
    for (size_t i = 0; i < runs_.size(); ++i) {
      if (!runs_[i].started) continue;
      waits.push_back(result_.jobs[i].waited);
      sum += waits.back();
    }
    if (waits.empty()) return;
    std::sort(waits.begin(), waits.end());
    result_.mean_wait = sum / static_cast<int64_t>(waits.size());
    result_.p50_wait = waits[(waits.size() - 1) / 2];
    result_.p99_wait = waits[(waits.size() - 1) * 99 / 100];
  }

  const SimulationOptions& options_;
  Scheduler scheduler_;
  EventTime now_;
  EventTime begin_;
  EventTime end_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::map<std::string, PoolRun> pools_;
  std::vector<JobRun> runs_;
  std::unordered_map<std::string, size_t> by_name_;
  SimulationResult result_;
};

std::string Rounded(Micros time) { return FormatDuration(std::chrono::floor<std::chrono::seconds>(time)); }

}  // namespace

Result<SimulationResult> Simulate(const SimulationOptions& options) {
  if (options.node_start < Micros(0) || options.tear_down_after < Micros(0)) {
    return InvalidArgument("a node's start and tear-down take 0 or more time");
  }
  MR_ASSIGN_OR_RETURN(
      Scheduler scheduler,
      Scheduler::Create({.pools = options.pools, .projects = options.projects, .policy = options.policy}));
  return Simulation(options, std::move(scheduler)).Run();
}

std::string SimulationResult::ToString() const {
  std::string text = fmt::format(
      "{} of {} jobs ended within {}; waits: mean {}, p50 {}, p99 {}; {} preemptions\n"
      "{:.1f} GPU-hours, {:.1f} of them done again\n\n"
      "{:<16} {:>10} {:>6} {:>12} {:>12} {:>12}\n",
      finished, jobs.size(), Rounded(makespan), Rounded(mean_wait), Rounded(p50_wait), Rounded(p99_wait),
      preemptions, gpu_hours, lost_gpu_hours, "POOL", "NODE-HOURS", "BUSY", "COST", "ALWAYS ON", "SAVED");
  for (const PoolOutcome& pool : pools) {
    text += fmt::format("{:<16} {:>10.1f} {:>5.0f}% {:>12.2f} {:>12.2f} {:>12.2f}\n", pool.pool,
                        pool.node_hours, pool.busy_share * 100, pool.cost, pool.always_on_cost, pool.saved());
  }
  return text;
}

}  // namespace millrace::admission
