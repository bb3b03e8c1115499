#include "resource/kinds/kinds.h"

namespace millrace::resource {

Kind ComputePoolKind() {
  Kind kind;
  kind.name = "ComputePool";
  kind.plural = "computepools";
  kind.singular = "computepool";
  kind.short_names = {"cp", "pool", "pools"};
  kind.meaning = "Slots of CPU and memory on this machine, that training runs wait for.";
  kind.rank = 1;
  kind.spec = Object("spec", "How much there is to share.",
                     {Number("cpu", "Cores that the pool's jobs share.")
                          .Unit("cores")
                          .AtLeast(0)
                          .Default(0)
                          .Without("the machine's"),
                      Quantity("memory", "Memory that the pool's jobs share.")
                          .AtLeast(0)
                          .Default("0")
                          .Without("the machine's"),
                      Integer("slots", "Jobs that run at once.").AtLeast(1).AtMost(1000).Default(1)});
  kind.status =
      StatusField({Integer("running", "Jobs that run."), Integer("waiting", "Jobs that wait for a slot.")});
  kind.columns =
      WithReady({{"SLOTS", "spec.slots"}, {"RUNNING", "status.running"}, {"WAITING", "status.waiting"}});
  return kind;
}

}  // namespace millrace::resource
