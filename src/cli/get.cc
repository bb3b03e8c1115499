#include <csignal>

#include "base/clock.h"
#include "base/json.h"
#include "base/percent.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/resource_text.h"
#include "cli/terminal.h"
#include "resource/yaml.h"

namespace millrace::cli {
namespace {

struct Args {
  ServerOptions server;
  std::vector<std::string> names;
  std::string output;
  std::string selector;
  bool watch = false;
  bool all_projects = false;
};

std::string TargetOf(const Args& args, const NamedResource& named) {
  std::string target = ResourcePath(*named.kind, args.all_projects ? "" : args.server.project, named.name);
  if (named.name.empty() && !args.selector.empty())
    target += "?labelSelector=" + PercentEncode(args.selector);
  return target;
}

// The resources of one answer: a list's items, or the one.
Json ItemsOf(const Json& answer) {
  if (answer.is_object() && answer.contains("items") && answer["items"].is_array()) return answer["items"];
  return Json::array({answer});
}

void PrintItems(const Args& args, const resource::Kind& kind, const Json& items, bool titled) {
  if (args.output == "yaml") {
    for (const Json& item : items) Print("---\n" + resource::ToYaml(item));
    return;
  }
  const bool wide = args.output == "wide";
  const EventTime now = SystemClock().Now();
  std::vector<std::vector<std::string>> rows;
  for (const Json& item : items) rows.push_back(RowOf(kind, item, wide, now));
  if (rows.empty()) return;
  if (titled) Print(Coloured(Colour::kBold, kind.name) + "\n");
  Print(AlignedTable(HeaderOf(kind, wide), rows));
  if (titled) Print("\n");
}

// Lines of changes until the server or Ctrl-C ends it.
Status Watch(const Args& args, http::Client& client, const NamedResource& named) {
  std::string target =
      ResourcePath(*named.kind, args.all_projects ? "" : args.server.project, "") + "?watch=true";
  if (!named.name.empty()) target += "&fieldSelector=metadata.name%3D" + PercentEncode(named.name);
  if (!args.selector.empty()) target += "&labelSelector=" + PercentEncode(args.selector);
  http::ClientRequest request;
  request.target = target;
  std::vector<std::vector<std::string>> rows;
  bool first = true;
  return client.Stream(request, [&](std::string_view line) {
    const Result<Json> event = ParseJson(line);
    if (!event.ok() || !event->is_object() || !event->contains("object")) return true;
    const Json& object = (*event)["object"];
    if (event->value("type", "") == "BOOKMARK") return true;
    if (args.output == "json" || args.output == "yaml") {
      return Print(args.output == "json" ? FormatJson(*event) + "\n" : "---\n" + resource::ToYaml(object));
    }
    std::vector<std::string> header = HeaderOf(*named.kind, args.output == "wide");
    std::vector<std::string> row = RowOf(*named.kind, object, args.output == "wide", SystemClock().Now());
    header.insert(header.begin(), "EVENT");
    row.insert(row.begin(), event->value("type", ""));
    // Columns keep their places from one line to the next.
    for (size_t i = 0; i < row.size(); ++i) {
      header[i].resize(std::max<size_t>(header[i].size(), 12), ' ');
    }
    std::string text = AlignedTable(header, {row});
    if (!first) text.erase(0, text.find('\n') + 1);
    first = false;
    return Print(text);
  });
}

Status Get(const Args& args) {
  MR_ASSIGN_OR_RETURN(const std::vector<NamedResource> names, [&]() -> Result<std::vector<NamedResource>> {
    if (args.names.size() == 1 && args.names.front() == "all") {
      std::vector<NamedResource> all;
      for (const resource::Kind& kind : resource::Kinds()) all.push_back({.kind = &kind, .name = ""});
      return all;
    }
    return ParseNames(args.names);
  }());
  MR_ASSIGN_OR_RETURN(http::Client client, Connect(args.server));
  if (args.watch) {
    if (names.size() != 1) return InvalidArgument("-w watches one kind, or one resource");
    return Watch(args, client, names.front());
  }
  size_t found = 0;
  Json all = Json::array();  // for -o json: one document, whatever was asked for
  for (size_t i = 0; i < names.size();) {
    // Rows of one kind make one table.
    const resource::Kind* kind = names[i].kind;
    Json items = Json::array();
    for (; i < names.size() && names[i].kind == kind; ++i) {
      MR_ASSIGN_OR_RETURN(const Json answer, GetJson(client, TargetOf(args, names[i])));
      for (const Json& item : ItemsOf(answer)) items.push_back(item);
    }
    found += items.size();
    if (args.output == "json") {
      all.insert(all.end(), items.begin(), items.end());
    } else {
      PrintItems(args, *kind, items, names.size() > 1);
    }
  }
  if (args.output == "json") {
    const bool one = names.size() == 1 && !names.front().name.empty();
    const Json list = {{"apiVersion", "v1"}, {"kind", "List"}, {"items", all}};
    Print(FormatJson(one ? all.at(0) : list, 2) + "\n");
  }
  if (found == 0 && args.output.empty()) {
    PrintError(fmt::format("There are none in project {}.", args.server.project));
  }
  return Ok();
}

Status DescribeAll(const Args& args) {
  MR_ASSIGN_OR_RETURN(const std::vector<NamedResource> names, ParseNames(args.names));
  MR_ASSIGN_OR_RETURN(http::Client client, Connect(args.server));
  for (const NamedResource& named : names) {
    MR_ASSIGN_OR_RETURN(const Json answer, GetJson(client, TargetOf(args, named)));
    for (const Json& item : ItemsOf(answer)) Print(cli::Describe(item, SystemClock().Now()) + "\n");
  }
  return Ok();
}

}  // namespace

Command GetCommand() {
  auto args = std::make_shared<Args>();
  return {.name = "get",
          .help = "Shows resources: KIND, KIND NAME, KIND/NAME, or all.",
          .options = WithServer({Required(Texts("NAME", "What to show.", &args->names)),
                                 OneOf("-o,--output", "The form.", &args->output, {"wide", "yaml", "json"}),
                                 Flag("-w,--watch", "Goes on with the changes.", &args->watch),
                                 Text("-l,--selector", "Only with these labels: a=b,c!=d.", &args->selector),
                                 Flag("-A,--all-projects", "Of all Projects.", &args->all_projects)},
                                args->server),
          .run = [args] { return Get(*args); },
          .footer = "millrace get models\nmillrace get model/fraud -o yaml\nmillrace get all"};
}

Command DescribeCommand() {
  auto args = std::make_shared<Args>();
  return {.name = "describe",
          .help = "Shows everything about resources, for people.",
          .options = WithServer({Required(Texts("NAME", "KIND/NAME, or KIND.", &args->names))}, args->server),
          .run = [args] { return DescribeAll(*args); },
          .footer = "millrace describe model/fraud"};
}

}  // namespace millrace::cli
