// The Open Inference Protocol V2 over REST, on /v2.
//
//   oip::AddRoutes(router, {.endpoints = &endpoints, .version = "0.1.0"});
//
// A model is a ModelEndpoint: `fraud` is the endpoint of that name in the Project
// `default`, `shop.fraud` that of the Project `shop`. Its version is the one that
// it serves now; another version in the path is not found, with a sentence that
// says which is served.
//
// Every route of a model needs the permission to predict in the model's Project;
// the index lists what the caller may see. Loading and unloading are refused:
// ModelEndpoint resources say what is served.
//
// Errors are {"error": "sentence"}. Handlers run inline: they compute, and touch
// no disk.
#pragma once

#include <functional>
#include <string>

#include "api/http/router.h"
#include "base/status.h"
#include "inference/endpoint.h"

namespace millrace::oip {

struct Options {
  const inference::EndpointSet* endpoints = nullptr;  // outlives the router
  std::string version;                                // of this server
  // Whether the server as a whole is ready; unset: when every endpoint serves a version.
  std::function<Status()> ready;
  size_t max_body = size_t{16} << 20;
};

void AddRoutes(http::Router& router, Options options);

// The name of an endpoint as a model of the protocol: "fraud", "shop.fraud".
std::string ModelNameOf(const inference::Endpoint& endpoint);

}  // namespace millrace::oip
