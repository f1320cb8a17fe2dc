// What people choose, drop and paste, as a flat list of files with their paths.

const LITTER = /^(\..*|thumbs\.db|desktop\.ini)$/i; // what systems leave in folders

const { compare } = new Intl.Collator(undefined, { numeric: true });

// `{file, path}` of each chosen file; a path has slashes where a folder was chosen.
export function chosen(files) {
  return [...files]
    .filter((file) => !LITTER.test(file.name) || !file.webkitRelativePath)
    .map((file) => ({ file, path: file.webkitRelativePath || file.name }))
    .sort((a, b) => compare(a.path, b.path));
}

// The same of what was dropped, folders walked through. Stops at `most` files.
export async function dropped(transfer, most) {
  // All entries are asked for first: the list is empty after the first wait.
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const found = [];
  for (const entry of entries) {
    if (entry instanceof File) found.push(...chosen([entry]));
    else if (entry) await walk(entry, found, most);
  }
  return found;
}

async function walk(entry, found, most) {
  if (found.length >= most) return;
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isDirectory) {
    for (const inside of await children(entry)) {
      if (!LITTER.test(inside.name)) await walk(inside, found, most);
    }
    return;
  }
  try {
    found.push({ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), path });
  } catch {
    found.push({ file: new File([], entry.name), path, isUnreadable: true });
  }
}

async function children(folder) {
  const reader = folder.createReader();
  const all = [];
  for (;;) {
    // It hands them out in portions; an empty one is the end.
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!some.length) return all.sort((a, b) => compare(a.name, b.name));
    all.push(...some);
  }
}

export const isZip = (file) => /\.zip$/i.test(file.name) || /^application\/(x-)?zip/.test(file.type);

// The name of the one folder or zip that all come from; empty where there is none.
export function commonName(paths) {
  const tops = new Set(paths.map((path) => path.split("/")[0]));
  const [top] = tops;
  if (tops.size !== 1) return "";
  return paths.length > 1 || top !== paths[0] ? top : top.replace(/\.[^.]*$/, "");
}
