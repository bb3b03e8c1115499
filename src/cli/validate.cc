#include "resource/validate.h"

#include "cli/commands.h"
#include "cli/documents.h"
#include "cli/terminal.h"
#include "controller/definition_check.h"

namespace millrace::cli {

Command ValidateCommand() {
  struct Args {
    std::vector<std::string> paths;
  };
  auto args = std::make_shared<Args>();
  return {.name = "validate",
          .help =
              "Checks YAML files and folders without a server: structure, references, expressions, types, "
              "leakage, parameters, gates.",
          .options = {Required(Texts("PATH", "YAML files or folders.", &args->paths))},
          .run = [args]() -> Status {
            MR_ASSIGN_OR_RETURN(const std::vector<resource::Document> documents, LoadDocuments(args->paths));
            const resource::Diagnostics wrong =
                resource::Validate(documents, {}, controller::CheckDefinitions());
            if (!wrong.empty()) return wrong.ToStatus();
            Print(fmt::format("{} resources are valid.\n", documents.size()));
            return Ok();
          },
          .footer = "millrace validate examples/fraud"};
}

}  // namespace millrace::cli
