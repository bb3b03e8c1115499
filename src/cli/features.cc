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
  std::string view;
  std::vector<std::string> keys;
  std::string time;
  std::string output;
};

// "customer_id=7": a number where it reads as one, else text.
Status AddKey(const std::string& text, Json& keys) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) return InvalidArgument("'{}' should be KEY=VALUE", text);
  const std::string value = text.substr(equals + 1);
  const Result<Json> parsed = ParseJson(value);
  const bool plain = parsed.ok() && (parsed->is_number() || parsed->is_boolean() || parsed->is_null());
  keys[text.substr(0, equals)] = plain ? *parsed : Json(value);
  return Ok();
}

Status Get(const Args& args) {
  Json body = {{"keys", Json::object()}};
  for (const std::string& key : args.keys) MR_RETURN_IF_ERROR(AddKey(key, body["keys"]));
  if (!args.time.empty()) body["time"] = args.time;
  MR_ASSIGN_OR_RETURN(http::Client client, Connect(args.server));
  MR_ASSIGN_OR_RETURN(const Json answer,
                      SendJson(client, http::Method::kPost,
                               fmt::format("{}/featureviews/{}/get", ProjectPath(args.server.project),
                                           PercentEncode(args.view)),
                               body));
  if (args.output == "json") {
    Print(FormatJson(answer, 2) + "\n");
    return Ok();
  }
  const Json names = answer.value("names", Json::array());
  const Json rows = answer.value("rows", Json::array());
  std::vector<std::vector<std::string>> table;
  for (const Json& row : rows) {
    const Json values = row.value("values", Json::array());
    const Json statuses = row.value("statuses", Json::array());
    for (size_t i = 0; i < names.size() && i < values.size(); ++i) {
      const Json& value = values[i];
      table.push_back({CellText(names[i]), value.is_number_float() ? FormatJson(value) : CellText(value),
                       i < statuses.size() ? CellText(statuses[i]) : "-"});
    }
  }
  Print(AlignedTable({"FEATURE", "VALUE", "STATUS"}, table));
  return Ok();
}

}  // namespace

Command FeaturesCommand() {
  auto args = std::make_shared<Args>();
  Command get{
      .name = "get",
      .help = "The features of one key, now or at a time.",
      .options = WithServer({Required(Text("VIEW", "The FeatureView.", &args->view)),
                             Required(Texts("KEY", "ENTITY=VALUE, one for each entity.", &args->keys)),
                             Text("--at", "The time; else the source's newest event.", &args->time),
                             OneOf("-o,--output", "The form.", &args->output, {"json"})},
                            args->server),
      .run = [args] { return Get(*args); },
      .footer = "millrace features get customer-spending customer_id=7 --at 2018-09-30T12:00:00Z"};
  return {.name = "features", .help = "Features from the online state.", .subcommands = {std::move(get)}};
}

}  // namespace millrace::cli
