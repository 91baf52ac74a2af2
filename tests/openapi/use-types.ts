// A program that uses the types of openapi-typescript. tsc checks it: each field has a type of its own.
import type { components, operations } from "./openapi.d.ts";

type Schemas = components["schemas"];
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <_ extends true>(): void => {};

holds<Same<Schemas["ServiceStatus"]["last_run"], Schemas["LastRun"] | null>>();
holds<Same<Schemas["ServiceStatus"]["progress"], Schemas["Progress"] | null>>();
holds<Same<Schemas["Run"]["stop"], Schemas["Stop"] | null>>();
holds<Same<Schemas["Error"]["errors"], { [key: string]: string[] }>>();
holds<Same<Schemas["Started"]["status"], "started">>();
holds<Same<operations["get_status"]["responses"][200]["content"]["application/json"], Schemas["ServiceStatus"]>>();
