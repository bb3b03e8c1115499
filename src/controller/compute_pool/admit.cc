#include "controller/compute_pool/admit.h"

#include "base/text.h"
#include "workload/process.h"

namespace millrace::controller::compute_pool {
namespace {

// Shares of cores are sums of decimals: 0.1 and 0.2 fit into 0.3.
constexpr double kRounding = 1e-9;

// "ComputePool big", "this machine".
std::string NameOf(const Capacity& pool) {
  return pool.name.empty() ? std::string("this machine") : "ComputePool " + pool.name;
}

// "job a", "job a or b".
std::string AnyOf(std::span<const Holder> running) {
  std::vector<std::string> names;
  for (const Holder& holder : running) names.push_back(holder.job);
  return "job " + Join(names, " or ");
}

std::string Cores(double cores) { return fmt::format("{:.6g}", cores); }

Admission Refused(std::string_view reason, std::string message) {
  return {.admitted = false, .reason = std::string(reason), .message = std::move(message)};
}

Admission TooLarge(const Capacity& pool, const std::string& needed, const std::string& there_is) {
  return Refused(kTooLarge, fmt::format("Needs {}; {} has {} in all: lower the limits of the Model, or make "
                                        "the pool larger.",
                                        needed, NameOf(pool), there_is));
}

}  // namespace

Capacity CapacityOf(std::string name, const resource::ComputePoolSpec& spec, double machine_cpu,
                    int64_t machine_memory) {
  return {.name = std::move(name),
          .slots = spec.slots,
          .cpu = spec.cpu > 0 ? spec.cpu : machine_cpu,
          .memory = spec.memory > 0 ? spec.memory : machine_memory};
}

Need NeedOf(const resource::ResourceLimits& limits, const Capacity& pool) {
  return {.cpu = limits.cpu > 0 ? limits.cpu : pool.cpu / static_cast<double>(pool.slots),
          .memory = limits.memory > 0 ? limits.memory : pool.memory / pool.slots};
}

Admission Admit(const Capacity& pool, const Need& need, std::span<const Holder> running,
                std::span<const std::string> waiting) {
  const std::string cores = Cores(need.cpu) + " CPU";
  const std::string memory = workload::FormatBytes(need.memory) + " of memory";
  if (pool.cpu > 0 && need.cpu > pool.cpu + kRounding) return TooLarge(pool, cores, Cores(pool.cpu));
  if (pool.memory > 0 && need.memory > pool.memory)
    return TooLarge(pool, memory, workload::FormatBytes(pool.memory));
  if (static_cast<int64_t>(running.size()) >= pool.slots) {
    return Refused(kWaiting, fmt::format("All {} slots of {} are busy: waits for {}.", pool.slots,
                                         NameOf(pool), AnyOf(running)));
  }
  double cpu_free = pool.cpu;
  int64_t memory_free = pool.memory;
  for (const Holder& holder : running) {
    cpu_free -= holder.need.cpu;
    memory_free -= holder.need.memory;
  }
  if (pool.cpu > 0 && need.cpu > cpu_free + kRounding) {
    return Refused(kWaiting, fmt::format("Needs {}; {} has {} of {} free: waits for {}.", cores, NameOf(pool),
                                         Cores(std::max(cpu_free, 0.0)), Cores(pool.cpu), AnyOf(running)));
  }
  if (pool.memory > 0 && need.memory > memory_free) {
    return Refused(kWaiting,
                   fmt::format("Needs {}; {} has {} of {} free: waits for {}.", memory, NameOf(pool),
                               workload::FormatBytes(std::max<int64_t>(memory_free, 0)),
                               workload::FormatBytes(pool.memory), AnyOf(running)));
  }
  if (!waiting.empty()) {
    return Refused(kWaiting, fmt::format("Job {} is older and waits for {}, too: it goes first.",
                                         waiting.front(), NameOf(pool)));
  }
  return {.admitted = true, .reason = {}, .message = {}};
}

Admission AdmitToMachine(const MachineUse& machine, const Need& need) {
  const auto wait = [](const std::string& needed, const std::string& free, const std::string& all) {
    return Refused(kWaitingForMachine,
                   fmt::format("Needs {}; this machine has {} of {} free beside the jobs of "
                               "all its pools: waits for one of them.",
                               needed, free, all));
  };
  const bool idle = machine.held.empty();
  double cpu_free = machine.cpu;
  int64_t memory_free = machine.memory;
  for (const Need& held : machine.held) {
    cpu_free -= held.cpu;
    memory_free -= held.memory;
  }
  if (!idle && machine.cpu > 0 && need.cpu > 0 && need.cpu > cpu_free + kRounding) {
    return wait(Cores(need.cpu) + " CPU", Cores(std::max(cpu_free, 0.0)), Cores(machine.cpu));
  }
  if (!idle && machine.memory > 0 && need.memory > 0 && need.memory > memory_free) {
    return wait(workload::FormatBytes(need.memory) + " of memory",
                workload::FormatBytes(std::max<int64_t>(memory_free, 0)),
                workload::FormatBytes(machine.memory));
  }
  if (machine.older_waits) {
    return Refused(kWaitingForMachine, "An older job waits for this machine, too: it goes first.");
  }
  return {.admitted = true, .reason = {}, .message = {}};
}

}  // namespace millrace::controller::compute_pool
