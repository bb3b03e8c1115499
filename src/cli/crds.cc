#include "cli/commands.h"
#include "cli/terminal.h"
#include "resource/crd.h"

namespace millrace::cli {

Command CrdsCommand() {
  return {.name = "crds",
          .help = "Prints the kinds as CustomResourceDefinitions, for a Kubernetes cluster.",
          .options = {},
          .run = []() -> Status {
            Print(resource::CustomResourceDefinitionsYaml());
            return Ok();
          },
          .footer = "millrace crds | kubectl apply --server-side -f -"};
}

}  // namespace millrace::cli
