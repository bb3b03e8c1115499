// Applying a whole folder in one request: what `millrace apply` sends and reads.
//
//   YamlSet set = LoadYaml("examples/fraud");
//   MR_ASSIGN_OR_RETURN(auto response, client.Send(ApplyRequest(set.documents, {.project = "default"})));
//   MR_ASSIGN_OR_RETURN(ApplyAnswer answer, ParseApplyAnswer(response));
//   if (!answer.diagnostics.empty()) …               // nothing was changed; with file, line, column
//   for (const AppliedItem& item : answer.applied) … // "DataSource transactions created"
//
// POST /apis/millrace.dev/v1alpha1/apply takes JSON
//   {"documents": [{"value": {…}, "file": "fraud.yaml", "marks": {"spec.windows": [12, 3], …}}, …]}
// or, as application/yaml, documents separated by "---". All of them are valid
// and written, or nothing is. Pure functions.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/client.h"
#include "base/status.h"
#include "resource/diagnostics.h"
#include "resource/yaml.h"

namespace millrace::api {

struct ApplyOptions {
  std::string project = {};          // where documents that name none belong; "" is default
  bool dry_run = false;              // say what would happen
  std::string manager = "millrace";  // recorded as the field manager
};

struct AppliedItem {
  std::string kind;
  std::string project;
  std::string name;
  std::string action;  // created, configured, unchanged
};

struct ApplyAnswer {
  resource::Diagnostics diagnostics;  // not empty: nothing was changed
  std::vector<AppliedItem> applied;   // in the order of the documents
};

// Relative paths in the documents are made absolute from their folders first.
http::ClientRequest ApplyRequest(std::span<const resource::Document> documents, const ApplyOptions& options);

// Fails as http::Failed does for anything but an answer or invalid documents.
Result<ApplyAnswer> ParseApplyAnswer(const http::ClientResponse& response);

// The server's side. `content_type` as Request::ContentType.
Result<std::vector<resource::Document>> ParseApplyBody(std::string_view body,
                                                       const std::string& content_type);

}  // namespace millrace::api
