#include "base/json.h"
#include "base/percent.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/resource_text.h"
#include "cli/terminal.h"

namespace millrace::cli {
namespace {

struct Args {
  ServerOptions server;
  std::string model;
  std::string alias;
  std::string reason;
  std::string output;
  std::string filter;
  std::string run;
  int64_t version = 0;
  int64_t limit = 100;
  bool remove = false;
};

std::string ModelPath(const Args& args) {
  return ProjectPath(args.server.project) + "/models/" + PercentEncode(args.model);
}

// The answer's items as they are, or as a table with a row for each.
template <typename RowOfItem>
Status PrintItems(const Args& args, const Json& answer, std::string_view list,
                  std::vector<std::string> header, const RowOfItem& row_of) {
  if (args.output == "json") {
    Print(FormatJson(answer, 2) + "\n");
    return Ok();
  }
  std::vector<std::vector<std::string>> rows;
  for (const Json& item : answer.value(list, Json::array())) rows.push_back(row_of(item));
  Print(AlignedTable(std::move(header), rows));
  return Ok();
}

std::string Cell(const Json& item, const char* name) { return CellText(item.value(name, Json())); }

Status List(const Args& args) {
  MR_ASSIGN_OR_RETURN(http::Client client, Connect(args.server));
  MR_ASSIGN_OR_RETURN(const Json answer,
                      GetJson(client, ProjectPath(args.server.project) + "/registeredmodels"));
  const auto row = [](const Json& item) -> std::vector<std::string> {
    std::string aliases;
    const Json named = item.value("aliases", Json::object());
    for (const auto& [alias, version] : named.items()) {
      aliases += fmt::format("{}{}={}", aliases.empty() ? "" : " ", alias, CellText(version));
    }
    return {Cell(item, "name"), Cell(item, "latestVersion"), aliases.empty() ? "-" : aliases};
  };
  return PrintItems(args, answer, "items", {"MODEL", "LATEST", "ALIASES"}, row);
}

Status Versions(const Args& args) {
  MR_ASSIGN_OR_RETURN(http::Client client, Connect(args.server));
  MR_ASSIGN_OR_RETURN(const Json answer, GetJson(client, ModelPath(args) + "/versions"));
  const auto row = [](const Json& item) -> std::vector<std::string> {
    const Json metrics = item.value("metrics", Json::object());
    return {Cell(item, "version"),
            Cell(item, "status"),
            Cell(item, "aliases"),
            Cell(metrics, "auc_roc"),
            Cell(metrics, "average_precision"),
            Cell(item, "created"),
            Cell(item, "reason")};
  };
  return PrintItems(args, answer, "items", {"VERSION", "STATUS", "ALIASES", "AUC", "AP", "CREATED", "REASON"},
                    row);
}

Status Runs(const Args& args) {
  MR_ASSIGN_OR_RETURN(http::Client client, Connect(args.server));
  MR_ASSIGN_OR_RETURN(const Json answer,
                      GetJson(client, fmt::format("{}/runs?limit={}&filter={}", ModelPath(args), args.limit,
                                                  PercentEncode(args.filter))));
  const auto row = [](const Json& item) -> std::vector<std::string> {
    const Json metrics = item.value("metrics", Json::object());
    return {Cell(item, "id"),
            Cell(item, "name"),
            Cell(item, "status"),
            Cell(metrics, "auc_roc"),
            Cell(metrics, "average_precision"),
            Cell(item, "start")};
  };
  return PrintItems(args, answer, "items", {"RUN", "NAME", "STATUS", "AUC", "AP", "START"}, row);
}

Status DeleteRun(const Args& args) {
  MR_ASSIGN_OR_RETURN(http::Client client, Connect(args.server));
  const std::string target = ProjectPath(args.server.project) + "/runs/" + PercentEncode(args.run);
  MR_RETURN_IF_ERROR(SendJson(client, http::Method::kDelete, target, Json()).status());
  Print(fmt::format("run {} deleted\n", args.run));
  return Ok();
}

Status Alias(const Args& args) {
  MR_ASSIGN_OR_RETURN(http::Client client, Connect(args.server));
  if (args.alias.empty()) {
    MR_ASSIGN_OR_RETURN(const Json answer, GetJson(client, ModelPath(args) + "/aliases"));
    const auto row = [](const Json& move) -> std::vector<std::string> {
      return {Cell(move, "time"), Cell(move, "alias"), Cell(move, "from"),
              Cell(move, "to"),   Cell(move, "actor"), Cell(move, "reason")};
    };
    return PrintItems(args, answer, "history", {"TIME", "ALIAS", "FROM", "TO", "BY", "REASON"}, row);
  }
  const std::string target = ModelPath(args) + "/aliases/" + PercentEncode(args.alias);
  if (args.remove) {
    MR_RETURN_IF_ERROR(SendJson(client, http::Method::kDelete, target, Json()).status());
    Print(fmt::format("{}@{} removed\n", args.model, args.alias));
    return Ok();
  }
  if (args.version < 1) return InvalidArgument("say which version: --version N");
  const std::string reason = args.reason.empty() ? "moved by hand" : args.reason;
  MR_RETURN_IF_ERROR(
      SendJson(client, http::Method::kPut, target, {{"version", args.version}, {"reason", reason}}).status());
  Print(fmt::format("{}@{} is version {}\n", args.model, args.alias, args.version));
  return Ok();
}

}  // namespace

Command ModelsCommand() {
  auto args = std::make_shared<Args>();
  const Option output = OneOf("-o,--output", "The form.", &args->output, {"json"});
  const Option model = Required(Text("MODEL", "The model.", &args->model));
  Command list{.name = "list",
               .help = "Registered models with their aliases.",
               .options = WithServer({output}, args->server),
               .run = [args] { return List(*args); }};
  Command versions{.name = "versions",
                   .help = "Versions of a model, newest first, with what was decided on them.",
                   .options = WithServer({model, output}, args->server),
                   .run = [args] { return Versions(*args); }};
  Command alias{
      .name = "alias",
      .help = "Shows the moves of a model's aliases, or moves one.",
      .options = WithServer({model, Text("ALIAS", "The alias to move.", &args->alias),
                             Number("--version", "Where it is to point.", &args->version),
                             Text("--reason", "Why, for the record.", &args->reason),
                             Flag("--remove", "Removes the alias.", &args->remove), output},
                            args->server),
      .run = [args] { return Alias(*args); },
      .footer = "millrace models alias fraud champion --version 2 --reason 'back to the last good one'"};
  Command runs{
      .name = "runs",
      .help = "Runs of a model, newest first.",
      .options =
          WithServer({model, Text("--filter", "Only these, in MLflow's language of filters.", &args->filter),
                      Number("--limit", "How many at most.", &args->limit), output},
                     args->server),
      .run = [args] { return Runs(*args); },
      .footer = "millrace models runs fraud --filter \"metrics.auc_roc > 0.87 and params.max_depth = '5'\""};
  Command delete_run{
      .name = "delete-run",
      .help =
          "Takes a run out of the lists and removes its directory; its version, if it made one, stays, but "
          "can no longer be replayed.",
      .options = WithServer({Required(Text("RUN", "The run's id.", &args->run))}, args->server),
      .run = [args] { return DeleteRun(*args); }};
  return {.name = "models",
          .help = "The registry: models, versions, aliases, runs.",
          .subcommands = {std::move(list), std::move(versions), std::move(alias), std::move(runs),
                          std::move(delete_run)}};
}

}  // namespace millrace::cli
