#include "wal/boot_record.h"

#include "wal/json_text.h"
#include "wal/replace_file.h"

namespace clustor {

namespace {

const char* StateOf(const BootRecord& record, const RecoveryReport& report) {
  if (!record.damage.ok()) return "quarantined";
  const bool repaired = report.torn_bytes_dropped > 0 || report.unproven_blocks > 0 ||
                        report.segments_removed > 0 || report.ledger_records_bad > 0;
  return repaired ? "repaired" : "healthy";
}

void AddPosition(JsonObject* object, const char* name, int64_t value) {
  if (value >= 0) object->Wide(name, static_cast<uint64_t>(value));
}

std::string DamageOf(const Status& damage) {
  if (damage.ok()) return "null";
  const StatusDetails& details = damage.details();
  JsonObject object(1);
  object.Text("code", damage.code_name());
  object.Text("message", details.message);
  AddPosition(&object, "segment", details.segment);
  AddPosition(&object, "offset", details.offset);
  AddPosition(&object, "firstIndex", details.first_index);
  AddPosition(&object, "lastIndex", details.last_index);
  return object.Take();
}

std::string RecoveryOf(const RecoveryReport& report) {
  JsonObject object(1);
  object.Member("created", report.created ? "true" : "false");
  object.Wide("term", report.hard_state.term);
  object.Wide("vote", report.hard_state.vote);
  object.Wide("commitIndex", report.hard_state.commit_index);
  object.Wide("firstIndex", report.entries.first_index);
  object.Wide("lastIndex", report.entries.last_index);
  object.Wide("validBlock", report.valid_block);
  object.Wide("provenBlock", report.proven_block);
  object.Wide("provenIndex", report.proven_index);
  object.Wide("tornBytesDropped", report.torn_bytes_dropped);
  object.Wide("unprovenBlocks", report.unproven_blocks);
  object.Wide("ledgerRecords", report.ledger_records);
  object.Wide("ledgerRecordsBad", report.ledger_records_bad);
  object.Wide("segments", report.segments);
  object.Wide("segmentsRemoved", report.segments_removed);
  object.Wide("tailSegment", report.tail_segment);
  object.Wide("tailOffset", report.tail_offset);
  object.Wide("repairNs", report.repair_ns);
  return object.Take();
}

std::string ScrubOf(const BootRecord& record, const RecoveryReport& report) {
  JsonObject object(1);
  object.Wide("verifiedMs", record.opened_ms);
  object.Wide("bytes", report.bytes_scanned);
  object.Wide("durationNs", report.scan_ns);
  return object.Take();
}

}  // namespace

std::string FormatBootRecord(const BootRecord& record, const RecoveryReport& report) {
  JsonObject object;
  object.Member("format", "1");
  object.Text("state", StateOf(record, report));
  object.Text("cluster", record.identity.cluster);
  object.Text("partition", record.identity.partition);
  object.Wide("replica", record.identity.replica);
  object.Wide("incarnation", record.identity.incarnation);
  object.Wide("openedMs", record.opened_ms);
  object.Member("damage", DamageOf(record.damage));
  object.Member("recovery", RecoveryOf(report));
  object.Member("scrub", ScrubOf(record, report));
  return object.Take() + "\n";
}

Status WriteBootRecord(Env* env, const LogPaths& paths, const BootRecord& record,
                       const RecoveryReport& report) {
  const Status written = ReplaceFile(env, paths.directory, paths.BootRecordNext(),
                                     paths.BootRecord(), FormatBootRecord(record, report));
  if (written.ok()) return written;
  // What a full disk took of it goes back; that the file may stay behind does no harm.
  if (!env->RemoveFile(paths.BootRecordNext()).ok()) return written;
  return written;
}

}  // namespace clustor
