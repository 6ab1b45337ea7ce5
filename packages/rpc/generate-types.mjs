/**
 * Writes the TypeScript types of all .proto files below proto/ into src/generated, or into the folder given as argument.
 * The flags must agree with the loader options in src/proto.ts.
 */
import { execFileSync } from "node:child_process";
import { globSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const repositoryRoot = join(import.meta.dirname, "../..");
const outDir = resolve(process.argv[2] ?? join(import.meta.dirname, "src/generated"));

const loaderPackage = createRequire(import.meta.url).resolve("@grpc/proto-loader/package.json");
const generator = join(loaderPackage, "../build/bin/proto-loader-gen-types.js");

// The files with a service; messages that they import come along.
const services = globSync("**/*.proto", {
  cwd: join(repositoryRoot, "proto"),
  exclude: ["**/common.proto"],
});

rmSync(outDir, { recursive: true, force: true });
execFileSync(
  process.execPath,
  [
    generator,
    "--longs=String",
    "--defaults",
    "--oneofs",
    "--grpcLib=@grpc/grpc-js",
    "--includeDirs=proto", // Relative, so that no path of this machine gets into the headers.
    `--outDir=${outDir}`,
    "--importFileExtension=.ts",
    "--targetFileExtension=.ts",
    ...services.sort(),
  ],
  { cwd: repositoryRoot, stdio: ["ignore", "ignore", "inherit"] },
);
