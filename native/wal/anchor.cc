#include "wal/anchor.h"

#include <string>
#include <utility>

namespace clustor {

namespace {

Status RolledBack(const LogAnchor& anchor, const LogPaths& paths, const std::string& found) {
  StatusDetails details;
  details.path = paths.wal;
  details.message = "the log at " + paths.wal + " once reached block " +
                    std::to_string(anchor.block) + " (its anchor), but " + found +
                    ": older or other files were put in its place. Nothing was changed.";
  return Status(StatusCode::kLogRolledBack, std::move(details));
}

}  // namespace

Status CheckAnchor(const DirectoryScan& scan, const LogAnchor& anchor, const LogPaths& paths) {
  if (scan.end.block < anchor.block) {
    return RolledBack(anchor, paths, "ends with block " + std::to_string(scan.end.block));
  }
  if (scan.anchor_checksum && *scan.anchor_checksum != anchor.checksum) {
    return RolledBack(anchor, paths, "has another block of that number");
  }
  if (anchor.first_index != 0 && scan.log.first_index > anchor.first_index) {
    return RolledBack(anchor, paths,
                      "begins with index " + std::to_string(scan.log.first_index) +
                          " where index " + std::to_string(anchor.first_index) + " was kept");
  }
  return Status::Ok();
}

Status CheckAnchorExists(Env* env, const LogAnchor& anchor, const LogPaths& paths) {
  const StatusOr<bool> exists = env->FileExists(paths.Identity());
  if (!exists.ok()) return exists.status();
  if (anchor.block == 0 || *exists) return Status::Ok();
  return RolledBack(anchor, paths, "there is no log");
}

}  // namespace clustor
