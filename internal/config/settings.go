package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

// Settings are a user's settings, which are not part of a run: from the
// persistent flags, else the AGIFORMER_* environment, else the settings file.
type Settings struct {
	// ConfigDir is the folder of the configuration tree; empty: see FindDir.
	ConfigDir string
	// ConfigName is the primary configuration.
	ConfigName string
	// CacheDir holds prepared data and libraries.
	CacheDir string
	// CacheNote says so where CacheDir is no lasting folder; else empty.
	CacheNote string
	// LogFormat is "auto" (a progress bar on a terminal, else plain), "plain"
	// or "json".
	LogFormat string
}

// settingKeys are the names in the settings file; flags use - instead of _,
// the environment AGIFORMER_ and upper case.
var settingKeys = []string{"config_dir", "config_name", "cache_dir", "log_format"}

// AddSettingsFlags defines the persistent flags.
func AddSettingsFlags(flags *pflag.FlagSet) {
	flags.String("config-dir", "", "folder of the configuration tree (default: ./conf, else beside the binary, else built in)")
	flags.String("config-name", "config", "primary configuration")
	flags.String("cache-dir", "", "folder of prepared data and libraries (default: the user's cache folder)")
	flags.String("log-format", "auto", "auto, plain or json")
}

// SettingsFile returns the path of the user's settings file:
// $AGIFORMER_SETTINGS, else agiformer/settings.yaml in the user's
// configuration folder; empty where there is no such folder.
func SettingsFile() string {
	if path := os.Getenv("AGIFORMER_SETTINGS"); path != "" {
		return path
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "agiformer", "settings.yaml")
}

// LoadSettings reads the settings; flags are those of AddSettingsFlags.
func LoadSettings(flags *pflag.FlagSet) (Settings, error) {
	v := viper.New()
	v.SetEnvPrefix("agiformer")
	for _, key := range settingKeys {
		if err := v.BindEnv(key); err != nil {
			return Settings{}, err
		}
		if flag := flags.Lookup(strings.ReplaceAll(key, "_", "-")); flag != nil {
			if err := v.BindPFlag(key, flag); err != nil {
				return Settings{}, err
			}
		}
	}
	if err := readSettingsFile(v); err != nil {
		return Settings{}, err
	}
	s := Settings{
		ConfigDir:  v.GetString("config_dir"),
		ConfigName: v.GetString("config_name"),
		CacheDir:   v.GetString("cache_dir"),
		LogFormat:  v.GetString("log_format"),
	}
	if s.CacheDir == "" {
		s.CacheDir, s.CacheNote = userCache()
	}
	switch s.LogFormat {
	case "auto", "plain", "json":
		return s, nil
	}
	return s, fmt.Errorf("the log format '%s' does not exist: use auto, plain or json (--log-format, AGIFORMER_LOG_FORMAT or log_format in %s)", s.LogFormat, SettingsFile())
}

// userCache returns the program's folder in the user's cache (XDG base directory
// specification, by which a relative XDG_CACHE_HOME counts as unset). Where
// there is none it is one for temporary files, which may be emptied any time,
// named by the user so that two users do not meet in it, and a note says so.
func userCache() (dir, note string) {
	if base := os.Getenv("XDG_CACHE_HOME"); filepath.IsAbs(base) {
		return filepath.Join(base, "agiformer"), ""
	}
	if home := os.Getenv("HOME"); home != "" {
		return filepath.Join(home, ".cache", "agiformer"), ""
	}
	dir = filepath.Join(os.TempDir(), fmt.Sprintf("agiformer-%d", os.Getuid()))
	return dir, fmt.Sprintf("neither XDG_CACHE_HOME nor HOME is set, so prepared text is kept in %s, which may not last: name a folder with --cache-dir=DIR or XDG_CACHE_HOME", dir)
}

func readSettingsFile(v *viper.Viper) error {
	path := SettingsFile()
	if path == "" {
		return nil
	}
	v.SetConfigFile(path)
	v.SetConfigType("yaml")
	if err := v.ReadInConfig(); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("cannot read the settings file %s: %w", path, err)
	}
	for _, key := range v.AllKeys() {
		known := false
		for _, k := range settingKeys {
			known = known || k == key
		}
		if !known {
			return fmt.Errorf("the settings file %s holds the unknown key '%s': it may hold %s", path, key, strings.Join(settingKeys, ", "))
		}
	}
	return nil
}
