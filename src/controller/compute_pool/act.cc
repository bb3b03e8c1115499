#include "controller/compute_pool/decide.h"
#include "controller/compute_pool/machine.h"
#include "controller/controllers.h"
#include "controller/status_writer.h"
#include "controller/training_job/decide.h"
#include "resource/decode.h"

namespace millrace::controller::compute_pool {
Result<Micros> Reconcile(Context& context, const resource::Resource& resource) {
  const resource::ResourceKey key = resource.Key();
  Snapshot snapshot;
  MR_ASSIGN_OR_RETURN(snapshot.spec, resource::DecodeSpec<resource::ComputePoolSpec>(resource));
  const Machine machine = ThisMachine();
  snapshot.machine_cpu = machine.cpu;
  snapshot.machine_memory = machine.memory;
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
