#include <unistd.h>

#include <algorithm>
#include <thread>

#include "controller/compute_pool/decide.h"
#include "controller/controllers.h"
#include "controller/status_writer.h"
#include "controller/training_job/decide.h"
#include "resource/decode.h"

namespace millrace::controller::compute_pool {
namespace {

int64_t MachineMemory() {
  return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<int64_t>(sysconf(_SC_PAGE_SIZE));
}

}  // namespace

Result<Micros> Reconcile(Context& context, const resource::Resource& resource) {
  const resource::ResourceKey key = resource.Key();
  Snapshot snapshot;
  MR_ASSIGN_OR_RETURN(snapshot.spec, resource::DecodeSpec<resource::ComputePoolSpec>(resource));
  snapshot.machine_cpu = std::max(1U, std::thread::hardware_concurrency());
  snapshot.machine_memory = MachineMemory();
  MR_ASSIGN_OR_RETURN(const std::vector<resource::Resource> jobs,
                      ListOf(context, "TrainingJob", key.project));
  for (const resource::Resource& job : jobs) {
    const auto phase = training_job::ParsePhase(job.status.value("phase", ""));
    if (job.status.value("pool", "") != key.name) continue;
    if (phase == training_job::Phase::kRunning) ++snapshot.running;
    if (phase == training_job::Phase::kPending) ++snapshot.pending;
  }
  const Decision decision = Decide(snapshot);
  MR_RETURN_IF_ERROR(WriteStatus(
      context, resource, {{"running", snapshot.running}, {"waiting", snapshot.pending}}, decision.ready));
  return Micros(std::chrono::seconds(2));
}

}  // namespace millrace::controller::compute_pool
