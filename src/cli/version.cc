#include "cli/version.h"

#include "cli/commands.h"
#include "cli/terminal.h"

namespace millrace::cli {

constinit const std::string_view kVersion = MILLRACE_VERSION;

Command VersionCommand() {
  return {.name = "version", .help = "Prints the version.", .run = []() -> Status {
            Print(fmt::format("millrace {}\n", kVersion));
            return Ok();
          }};
}

Command CompletionCommand() {
  struct Args {
    std::string shell = "bash";
  };
  auto args = std::make_shared<Args>();
  return {.name = "completion",
          .help = "Prints a completion script for a shell.",
          .options = {OneOf("SHELL", "The shell.", &args->shell, {"bash"})},
          .run = []() -> Status {
            Print(BashCompletion(Commands()));
            return Ok();
          },
          .footer = "source <(millrace completion bash)"};
}

}  // namespace millrace::cli
