package data

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
)

// format is how the documents stand in a file.
type format string

const (
	formatText    format = "text"
	formatJSONL   format = "jsonl"
	formatParquet format = "parquet"
)

// compression is how a file is packed.
type compression string

const (
	uncompressed compression = ""
	compressGzip compression = "gzip"
	compressZstd compression = "zstd"
)

// sourceFile is one file of a source.
type sourceFile struct {
	path        string
	size        int64
	format      format
	compression compression
}

// extensions maps the endings of file names to what is in them.
var extensions = map[string]format{
	".txt": formatText, ".text": formatText, ".md": formatText,
	".jsonl": formatJSONL, ".ndjson": formatJSONL, ".json": formatJSONL,
	".parquet": formatParquet, ".pq": formatParquet,
}

// classify tells format and compression by the file's name. known is false for
// an ending that folders are not searched for; such a file counts as text
// where it is named itself.
func classify(name string) (f format, c compression, known bool) {
	name = strings.ToLower(filepath.Base(name))
	switch {
	case strings.HasSuffix(name, ".gz"):
		c, name = compressGzip, strings.TrimSuffix(name, ".gz")
	case strings.HasSuffix(name, ".zst"):
		c, name = compressZstd, strings.TrimSuffix(name, ".zst")
	}
	if f, known = extensions[filepath.Ext(name)]; known {
		return f, c, true
	}
	return formatText, c, false
}

// Find tells whether paths name text, without reading it: an error says which
// one does not.
func Find(paths []string) error {
	_, err := findFiles(paths)
	return err
}

// findFiles resolves paths to files: in the order of paths, those of a folder
// or glob sorted by name; a file that is named twice is taken once.
func findFiles(paths []string) ([]sourceFile, error) {
	var files []sourceFile
	seen := map[string]bool{}
	for _, p := range paths {
		found, err := resolve(p)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			abs, err := filepath.Abs(f.path)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.path, err)
			}
			if !seen[abs] {
				seen[abs] = true
				files = append(files, f)
			}
		}
	}
	return files, nil
}

func resolve(p string) ([]sourceFile, error) {
	if p == "" {
		return nil, errors.New("a data path is empty: give a file, a folder or a glob")
	}
	info, err := os.Stat(p)
	switch {
	case err == nil && info.IsDir():
		return searchFolder(p)
	case err == nil:
		f, err := newSourceFile(p, info)
		return []sourceFile{f}, err
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("data cannot be read: %w", err)
	case !strings.ContainsAny(p, "*?["):
		return nil, fmt.Errorf("data path %s does not exist: check it for typing mistakes", p)
	}
	return searchGlob(p)
}

func newSourceFile(p string, info fs.FileInfo) (sourceFile, error) {
	if !info.Mode().IsRegular() {
		return sourceFile{}, fmt.Errorf("data path %s is neither a file nor a folder: write it to a file first", p)
	}
	f, c, _ := classify(p)
	return sourceFile{path: p, size: info.Size(), format: f, compression: c}, nil
}

// searchFolder finds the files with a known ending in root and its folders,
// hidden ones left out.
func searchFolder(root string) ([]sourceFile, error) {
	var files []sourceFile
	err := filepath.WalkDir(root, func(p string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if p != root && strings.HasPrefix(entry.Name(), ".") {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if _, _, known := classify(p); entry.IsDir() || !known {
			return nil
		}
		info, err := os.Stat(p) // follows links
		if err != nil || info.IsDir() {
			return err
		}
		f, err := newSourceFile(p, info)
		files = append(files, f)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("data folder %s: %w", root, err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("data folder %s holds no text, JSONL or Parquet file (.txt .md .jsonl .ndjson .json .parquet, plain, .gz or .zst)", root)
	}
	return files, nil
}

// searchGlob finds the files that match a pattern; its element ** stands for
// any number of folders.
func searchGlob(pattern string) ([]sourceFile, error) {
	names, err := filepath.Glob(pattern)
	if err == nil && strings.Contains(pattern, "**") {
		names, err = deepGlob(pattern)
	}
	if err != nil {
		return nil, fmt.Errorf("data path %s is not a valid glob: %w", pattern, err)
	}
	var files []sourceFile
	elements := strings.Split(filepath.ToSlash(filepath.Clean(pattern)), "/")
	for _, name := range names {
		if !matchElements(elements, strings.Split(filepath.ToSlash(filepath.Clean(name)), "/")) {
			continue // hidden
		}
		info, err := os.Stat(name)
		if err != nil {
			return nil, fmt.Errorf("data path %s: %w", pattern, err)
		}
		if !info.Mode().IsRegular() {
			continue
		}
		f, err := newSourceFile(name, info)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("data path %s matches no file: check the pattern, and quote it in the shell", pattern)
	}
	return files, nil
}

// deepGlob finds what matches a pattern with **, sorted by name.
func deepGlob(pattern string) ([]string, error) {
	root := filepath.Clean(pattern)
	for strings.ContainsAny(root, "*?[") {
		root = filepath.Dir(root)
	}
	relative, err := filepath.Rel(root, filepath.Clean(pattern))
	if err != nil {
		return nil, err
	}
	elements := strings.Split(filepath.ToSlash(relative), "/")
	var names []string
	err = filepath.WalkDir(root, func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, p)
		if err == nil && matchElements(elements, strings.Split(filepath.ToSlash(relative), "/")) {
			names = append(names, p)
		}
		return err
	})
	sort.Strings(names)
	return names, err
}

// matchElements matches a path, element by element, with a glob.
func matchElements(pattern, elements []string) bool {
	if len(pattern) == 0 {
		return len(elements) == 0
	}
	if pattern[0] == "**" {
		return matchElements(pattern[1:], elements) ||
			len(elements) > 0 && !strings.HasPrefix(elements[0], ".") && matchElements(pattern, elements[1:])
	}
	if len(elements) == 0 || strings.HasPrefix(elements[0], ".") && !strings.HasPrefix(pattern[0], ".") {
		return false
	}
	ok, err := path.Match(pattern[0], elements[0])
	return ok && err == nil && matchElements(pattern[1:], elements[1:])
}
