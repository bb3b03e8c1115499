#include "resource/explain.h"

#include "cli/commands.h"
#include "cli/terminal.h"

namespace millrace::cli {

Command ExplainCommand() {
  struct Args {
    std::string path;
  };
  auto args = std::make_shared<Args>();
  return {.name = "explain",
          .help = "Says what a kind or one of its fields means: type, default, unit, bounds.",
          .options = {Text("FIELD", "KIND or KIND.field; without it, the kinds.", &args->path)},
          .run = [args]() -> Status {
            if (args->path.empty()) {
              Print(resource::ExplainKinds());
              return Ok();
            }
            MR_ASSIGN_OR_RETURN(const std::string text, resource::Explain(args->path));
            Print(text);
            return Ok();
          },
          .footer = "millrace explain Model.split.gap"};
}

}  // namespace millrace::cli
