#include "security/token.h"

#include <unistd.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/terminal.h"
#include "security/audit.h"

namespace millrace::cli {
namespace {

struct Args {
  ServerOptions server;
  std::string name;
  std::string role;
};

struct Tokens {
  std::unique_ptr<security::AuditLog> audit;
  std::shared_ptr<security::TokenStore> store;
};

// Changes are recorded before they take effect, beside a server that may be running: who
// can write the data directory needs no token, so the record names the system's user.
Result<Tokens> OpenTokens(const Args& args) {
  const std::string directory = DataDirOf(args.server);
  Tokens tokens;
  MR_ASSIGN_OR_RETURN(tokens.audit, security::AuditLog::Open(directory + "/audit.log", SystemClock()));
  MR_ASSIGN_OR_RETURN(
      tokens.store,
      security::TokenStore::Open(directory + "/tokens",
                                 security::RecordTokens(*tokens.audit, fmt::format("uid:{}", ::getuid()))));
  return tokens;
}

Status Create(const Args& args) {
  std::optional<security::Role> role;
  if (!args.role.empty()) {
    role = security::ParseRole(args.role);
    if (!role) return InvalidArgument("'{}' is no role: viewer, editor or admin.", args.role);
  }
  MR_ASSIGN_OR_RETURN(const Tokens tokens, OpenTokens(args));
  MR_ASSIGN_OR_RETURN(const std::string text, tokens.store->Create(args.name, role));
  Print(text + "\n");
  return Ok();
}

Status List(const Args& args) {
  MR_ASSIGN_OR_RETURN(const std::shared_ptr<security::TokenStore> tokens,
                      security::TokenStore::Open(DataDirOf(args.server) + "/tokens"));
  std::vector<std::vector<std::string>> rows;
  for (const security::TokenRecord& record : tokens->List()) {
    rows.push_back({record.name, record.role ? std::string(security::RoleName(*record.role)) : "by grants",
                    FormatTime(record.created)});
  }
  Print(AlignedTable({"NAME", "ROLE", "CREATED"}, rows));
  return Ok();
}

Status Revoke(const Args& args) {
  MR_ASSIGN_OR_RETURN(const Tokens tokens, OpenTokens(args));
  MR_RETURN_IF_ERROR(tokens.store->Revoke(args.name));
  Print(fmt::format("token {} revoked\n", args.name));
  return Ok();
}

}  // namespace

Command TokenCommand() {
  auto args = std::make_shared<Args>();
  Command create{
      .name = "create",
      .help = "Makes a token and prints it, this once.",
      .options = WithServer({Required(Text("NAME", "Who it stands for.", &args->name)),
                             OneOf("--role", "On the whole platform; without it, what Projects grant.",
                                   &args->role, {"viewer", "editor", "admin"})},
                            args->server),
      .run = [args] { return Create(*args); }};
  Command list{.name = "list",
               .help = "The tokens, without their text.",
               .options = WithServer({}, args->server),
               .run = [args] { return List(*args); }};
  Command revoke{.name = "revoke",
                 .help = "Makes a token worthless.",
                 .options = WithServer({Required(Text("NAME", "Whose.", &args->name))}, args->server),
                 .run = [args] { return Revoke(*args); }};
  return {.name = "token",
          .help = "Tokens of the data directory.",
          .subcommands = {std::move(create), std::move(list), std::move(revoke)}};
}

}  // namespace millrace::cli
