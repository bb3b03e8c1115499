#include "security/audit.h"

#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/data_dir.h"
#include "cli/terminal.h"

namespace millrace::cli {

Command AuditCommand() {
  auto options = std::make_shared<ServerOptions>();
  Command verify{
      .name = "verify",
      .help = "Reads the whole audit log and names the first record that was changed, dropped or moved.",
      .options = WithServer({}, *options),
      .run = [options]() -> Status {
        std::string directory = options->data_dir;
        if (directory.empty()) directory = ReadNote(options->server);
        if (directory.empty()) directory = ".millrace";
        MR_ASSIGN_OR_RETURN(const security::AuditVerification found,
                            security::AuditLog::Verify(directory + "/audit.log"));
        Print(fmt::format("{} records are intact; the last one's hash is {}.\n", found.records,
                          found.head.empty() ? "none" : found.head));
        return Ok();
      }};
  return {.name = "audit", .help = "The audit log.", .subcommands = {std::move(verify)}};
}

}  // namespace millrace::cli
