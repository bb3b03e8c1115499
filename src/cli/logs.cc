#include "base/percent.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/terminal.h"

namespace millrace::cli {
namespace {

struct Args {
  ServerOptions server;
  std::string name;
  bool follow = false;
};

// A job by its name, or the newest one of a model: "model/fraud".
Result<std::string> JobOf(const Args& args, http::Client& client) {
  const size_t slash = args.name.find('/');
  if (slash == std::string::npos) return args.name;
  MR_ASSIGN_OR_RETURN(const resource::Kind* kind, KindNamed(args.name.substr(0, slash)));
  const std::string name = args.name.substr(slash + 1);
  if (kind->name == "TrainingJob") return name;
  if (kind->name != "Model")
    return InvalidArgument("a {} has no log; name a training job, or model/NAME", kind->name);
  MR_ASSIGN_OR_RETURN(const Json model, GetJson(client, ResourcePath(*kind, args.server.project, name)));
  const Json status = model.value("status", Json::object());
  const std::string job = status.value("job", "");
  if (job.empty()) return NotFound("Model {} has had no training job yet.", name);
  return job;
}

Status Logs(const Args& args) {
  MR_ASSIGN_OR_RETURN(http::Client client, Connect(args.server));
  MR_ASSIGN_OR_RETURN(const std::string job, JobOf(args, client));
  http::ClientRequest request;
  request.target = fmt::format("{}/trainingjobs/{}/log{}", ProjectPath(args.server.project),
                               PercentEncode(job), args.follow ? "?follow=true" : "");
  return client.Stream(request, [](std::string_view line) { return Print(std::string(line) + "\n"); });
}

}  // namespace

Command LogsCommand() {
  auto args = std::make_shared<Args>();
  return {.name = "logs",
          .help = "Shows the log of a training job, or of a model's newest one.",
          .options = WithServer({Required(Text("NAME", "JOB, or model/NAME.", &args->name)),
                                 Flag("-f,--follow", "Goes on as it grows.", &args->follow)},
                                args->server),
          .run = [args] { return Logs(*args); },
          .footer = "millrace logs model/fraud -f"};
}

}  // namespace millrace::cli
