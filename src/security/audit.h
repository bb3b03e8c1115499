// AuditLog: every change of state, before it takes effect, in a hash chain.
//
//   line n:  {"seq":n,"time":…,"who":…,"what":…,"resource":…,"change":…,"prev":H(n−1),"hash":H(n)}
//   H(n) = SHA-256 of the line's canonical JSON without "hash" (which holds H(n−1))
//
//      ┌────────┐ prev ┌────────┐ prev ┌────────┐
//      │ seq 1  │◀─────│ seq 2  │◀─────│ seq 3  │◀── audit.log.head: {"seq":3,"hash":H(3)}
//      └────────┘      └────────┘      └────────┘
//
// A record changed, dropped, added or moved breaks the chain at that record;
// records cut from the end disagree with the head, a file of its own that is
// replaced after each group of records is on disk. (Who can write both files
// and computes all hashes anew is not detected; ship the head elsewhere for that.)
//
//   MR_ASSIGN_OR_RETURN(auto log, AuditLog::Open(data_dir + "/audit.log", SystemClock()));
//   MR_RETURN_IF_ERROR(log->Append({.who = "admin", .what = "update", .resource = "default/Model/fraud",
//                                   .change = Sha256Hex(document)}));
//   // only now change the state
//
// What is recorded: every change of state that a person or a controller decides
// on, before it takes effect.
//   resources      create, update, delete: whoever does it, controllers included; a
//                  Project's update is how roles are granted
//   registry       the registry's own words (alias.set, version.create, run.update, …):
//                  promotions and moves of aliases, versions, runs, deletions
//   tokens         create-token, revoke-token, the admin's own included
// Not recorded: a resource's status (it says how far a decision is carried out), events
// that are pushed or learned (data: the online log and the offline tables keep them), and
// requests that are refused, for they change nothing, and who may do nothing must not be
// able to fill the disk; they are counted in millrace_http_rejected_total.
//
// Append returns when the record is on disk; records of concurrent callers share
// one fsync (group commit). Thread safe, and safe beside another process that
// appends to the same file (a command beside a server): the writer locks the
// file and goes on from what it finds there. When a record cannot be written
// (a full disk) Append fails with Unavailable, so that no state changes
// unrecorded, what was written of it is cut off, and the next Append tries again.
// A last line torn by a crash was never acknowledged and is cut off; damage
// anywhere else is DataLoss. Open reads and checks the end of the log (1 MiB),
// however long it is; Verify reads all of it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/status.h"
#include "base/time.h"

namespace millrace::security {

// What a caller records. Text is limited to 1 KiB a field.
struct AuditEntry {
  std::string who = {};       // Identity::name
  std::string what = {};      // create, update, delete, alias.set, create-token, …
  std::string resource = {};  // "PROJECT/Kind/name", "" project for the platform's own
  std::string change = {};    // SHA-256 of the change (the new document, the patch), or ""
};

struct AuditRecord {
  uint64_t seq = 0;
  EventTime time;
  AuditEntry entry;
  std::string prev;
  std::string hash;
};

// One line without its newline. InvalidArgument says what is wrong with it.
Result<AuditRecord> ParseAuditLine(std::string_view line);
// The line, and the hash that it should have.
std::string FormatAuditLine(const AuditRecord& record);
std::string HashOf(const AuditRecord& record);

struct AuditVerification {
  uint64_t records = 0;
  std::string head;  // hash of the last one
};

class AuditLog {
 public:
  static Result<std::unique_ptr<AuditLog>> Open(std::string path, const Clock& clock);
  ~AuditLog();

  // On return the record is on disk. Returns its sequence number.
  Result<uint64_t> Append(AuditEntry entry);

  // Reads the whole chain. DataLoss names the first record that was changed,
  // dropped or moved, by its line and sequence number, and what is wrong.
  static Result<AuditVerification> Verify(const std::string& path);

  // The newest `limit` records, oldest first.
  Result<std::vector<AuditRecord>> Tail(size_t limit) const;

  const std::string& path() const { return path_; }

 private:
  struct Waiter;  // one caller of Append
  struct Position {
    uint64_t seq = 0;    // of the last record
    std::string hash;    // of the last record
    uint64_t bytes = 0;  // where the next one goes
  };
  AuditLog(std::string path, const Clock& clock) : path_(std::move(path)), clock_(clock) {}
  Result<std::optional<Position>> AnchorAfter(uint64_t offset, uint64_t head) const;
  Status FindEnd();
  Status CatchUp();
  Status CheckPlace();
  Status WriteBatch(const std::vector<Waiter*>& batch);
  Status WriteRecords(const std::string& bytes, const Position& next);
  void TakeBack();

  std::string path_;
  const Clock& clock_;
  UniqueFd file_;
  Position end_;  // the writer's alone

  mutable std::mutex mutex_;
  std::condition_variable done_;
  std::vector<Waiter*> pending_;  // whom no writer has taken yet
  bool writing_ = false;          // one caller writes for all that wait
};

}  // namespace millrace::security
