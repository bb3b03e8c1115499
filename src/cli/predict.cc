#include <algorithm>
#include <iostream>
#include <iterator>

#include "base/file.h"
#include "base/json.h"
#include "base/percent.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/resource_text.h"
#include "cli/terminal.h"

namespace millrace::cli {
namespace {

constexpr uint64_t kMostBytes = 16 << 20;

struct Args {
  ServerOptions server;
  std::string endpoint;
  std::vector<std::string> fields;
  std::string file;
  std::string output;
  bool features = false;
  bool no_learn = false;
};

// A value as the field's datatype wants it.
Result<Json> ValueOf(const std::string& name, const std::string& datatype, const std::string& text) {
  if (datatype == "BYTES") return Json(text);
  const Result<Json> parsed = ParseJson(text);
  const bool fits = parsed.ok() && (parsed->is_number() || parsed->is_boolean() || parsed->is_null());
  if (fits) return *parsed;
  // Only a time may be written as text where a number is wanted.
  const Result<EventTime> time = ParseTime(text);
  if (time.ok()) return Json(time->micros);
  return InvalidArgument("{}: '{}' should be {}", name, text, datatype);
}

Result<Json> RequestOf(const Args& args, const Json& metadata) {
  Json request = {{"inputs", Json::array()}};
  const Json inputs = metadata.value("inputs", Json::array());
  std::vector<std::string> known;
  for (const Json& input : inputs) known.push_back(input.value("name", ""));
  for (const std::string& field : args.fields) {
    const size_t equals = field.find('=');
    if (equals == std::string::npos) return InvalidArgument("'{}' should be FIELD=VALUE", field);
    const std::string name = field.substr(0, equals);
    const auto found = std::find(known.begin(), known.end(), name);
    if (found == known.end()) {
      const std::string near = Nearest(name, known);
      return InvalidArgument(
          "{} has no field '{}'; {}", args.endpoint, name,
          near.empty() ? "it has " + Join(known, ", ") : fmt::format("did you mean '{}'?", near));
    }
    const Json& input = inputs[static_cast<size_t>(found - known.begin())];
    const std::string datatype = input.value("datatype", "FP64");
    MR_ASSIGN_OR_RETURN(const Json value, ValueOf(name, datatype, field.substr(equals + 1)));
    request["inputs"].push_back(
        {{"name", name}, {"shape", {1}}, {"datatype", datatype}, {"data", Json::array({value})}});
  }
  if (args.features) request["parameters"]["features"] = true;
  if (args.no_learn) request["parameters"]["learn"] = false;
  return request;
}

Result<std::string> BodyOf(const Args& args, http::Client& client, const std::string& model) {
  if (args.file == "-") {
    return std::string(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
  }
  if (!args.file.empty()) return ReadFile(args.file, kMostBytes);
  if (args.fields.empty())
    return InvalidArgument("give the fields as FIELD=VALUE, or a request with -f FILE");
  MR_ASSIGN_OR_RETURN(const Json metadata, GetJson(client, model));
  MR_ASSIGN_OR_RETURN(const Json request, RequestOf(args, metadata));
  return FormatJson(request);
}

// Outputs below each other.
void PrintOutputs(const Json& answer) {
  std::vector<std::vector<std::string>> rows;
  for (const Json& output : answer.value("outputs", Json::array())) {
    const Json data = output.value("data", Json::array());
    const std::string name = output.value("name", "");
    for (size_t i = 0; i < data.size(); ++i) {
      std::string label = data.size() == 1 ? name : fmt::format("{}[{}]", name, i);
      rows.push_back({label, data[i].is_null() ? "null" : FormatJson(data[i])});
    }
  }
  Print(AlignedTable({"OUTPUT", "VALUE"}, rows));
  Print(fmt::format("{} version {}\n", answer.value("model_name", ""), answer.value("model_version", "")));
}

Status Predict(const Args& args) {
  MR_ASSIGN_OR_RETURN(http::Client client, Connect(args.server));
  const std::string model = "/v2/models/" +
                            (args.server.project == "default" ? "" : args.server.project + ".") +
                            PercentEncode(args.endpoint);
  http::ClientRequest request;
  request.method = http::Method::kPost;
  request.target = model + "/infer";
  MR_ASSIGN_OR_RETURN(request.body, BodyOf(args, client, model));
  MR_ASSIGN_OR_RETURN(const http::ClientResponse response, client.Send(request));
  MR_RETURN_IF_ERROR(http::Failed(response));
  MR_ASSIGN_OR_RETURN(const Json answer, ParseJson(response.body));
  if (args.output == "json") {
    Print(FormatJson(answer, 2) + "\n");
  } else {
    PrintOutputs(answer);
  }
  return Ok();
}

}  // namespace

Command PredictCommand() {
  auto args = std::make_shared<Args>();
  return {.name = "predict",
          .help = "Asks an endpoint for a prediction.",
          .options = WithServer(
              {Required(Text("ENDPOINT", "The ModelEndpoint.", &args->endpoint)),
               Texts("FIELD", "FIELD=VALUE of the event to score.", &args->fields),
               Text("-f,--file", "An inference request as JSON; - is standard input.", &args->file),
               Flag("--features", "Shows the features that were computed.", &args->features),
               Flag("--no-learn", "Keeps the event out of the online state.", &args->no_learn),
               OneOf("-o,--output", "The form.", &args->output, {"json"})},
              args->server),
          .run = [args] { return Predict(*args); },
          .footer =
              "millrace predict fraud transaction_id=9000001 tx_datetime=2018-10-01T12:00:00Z customer_id=7 "
              "terminal_id=42 tx_amount=57.2 --features"};
}

}  // namespace millrace::cli
