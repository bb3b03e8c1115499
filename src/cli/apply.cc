#include "api/resources/apply.h"

#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/documents.h"
#include "cli/terminal.h"

namespace millrace::cli {
namespace {

struct Args {
  ServerOptions server;
  std::vector<std::string> paths;
  bool dry_run = false;
};

Status Apply(const Args& args) {
  MR_ASSIGN_OR_RETURN(const std::vector<resource::Document> documents, LoadDocuments(args.paths));
  MR_ASSIGN_OR_RETURN(http::Client client, Connect(args.server));
  MR_ASSIGN_OR_RETURN(const http::ClientResponse response,
                      client.Send(api::ApplyRequest(documents, {.project = args.server.project,
                                                                .dry_run = args.dry_run,
                                                                .manager = "millrace-apply"})));
  MR_ASSIGN_OR_RETURN(const api::ApplyAnswer answer, api::ParseApplyAnswer(response));
  if (!answer.diagnostics.empty()) return answer.diagnostics.ToStatus();
  for (const api::AppliedItem& item : answer.applied) {
    Print(fmt::format("{} {} {}{}\n", item.kind, item.name, item.action, args.dry_run ? " (dry run)" : ""));
  }
  return Ok();
}

}  // namespace

Command ApplyCommand() {
  auto args = std::make_shared<Args>();
  return {.name = "apply",
          .help = "Makes the resources of YAML files and folders be as written, all or none.",
          .options = WithServer({Required(Texts("-f,--file,PATH", "YAML files or folders.", &args->paths)),
                                 Flag("--dry-run", "Says what would happen.", &args->dry_run)},
                                args->server),
          .run = [args] { return Apply(*args); },
          .footer = "millrace apply examples/fraud"};
}

}  // namespace millrace::cli
