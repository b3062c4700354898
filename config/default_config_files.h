// SPDX-License-Identifier: Apache-2.0
//
// Where a program finds its configuration when nobody says: for project `nova`
// and program `nova-api`, ~/.nova/nova.conf, ~/nova.conf, /etc/nova/nova.conf
// and /etc/nova.conf, whichever is found first, then nova-api.conf likewise.
//
//   const ConfigSearch search = ConfigSearch::FromProcess();
//   ParseCommandLine(&argc, &argv, registry,
//                    {.default_config_files =
//                         DefaultConfigFiles("nova", "nova-api", search)});
//
// Source: oslo_config.cfg.find_config_files and find_config_dirs. Difference:
// if project and program have the same name the file is found once.

#ifndef CONFIG_DEFAULT_CONFIG_FILES_H_
#define CONFIG_DEFAULT_CONFIG_FILES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace bergen::config {

// The places of a machine where configuration is looked for. Those that are
// empty are not searched. A value.
struct ConfigSearch {
  std::string home;
  std::string etc = "/etc";
  // Roots of a snap, the first with the data of all its revisions.
  std::string snap_common;
  std::string snap;

  // From the variables HOME, SNAP_COMMON and SNAP of this process; without HOME
  // the home directory is the one in the password database.
  static ConfigSearch FromProcess();
};

// Directories in the order in which they are searched: `~/.P`, `~`, `/etc/P`,
// `/etc`, `$SNAP_COMMON/etc/P`, `$SNAP/etc/P`. Without a project only the
// second and the fourth. They need not exist.
std::vector<std::string> StandardDirectories(absl::string_view project,
                                             const ConfigSearch& search);

// At most two paths: the first file `project` + `extension` that exists in the
// standard directories, then the first `program` + `extension`. Either name may
// be empty. Paths that may not be looked at do not exist.
std::vector<std::string> DefaultConfigFiles(
    absl::string_view project, absl::string_view program,
    const ConfigSearch& search, absl::string_view extension = ".conf");

// The same for directories of files.
std::vector<std::string> DefaultConfigDirs(
    absl::string_view project, absl::string_view program,
    const ConfigSearch& search, absl::string_view extension = ".conf.d");

}  // namespace bergen::config

#endif  // CONFIG_DEFAULT_CONFIG_FILES_H_
