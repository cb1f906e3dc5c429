import { obtainArtifacts } from "./index";
obtainArtifacts({ only: (process.argv[2]?.split(",") as never) ?? undefined, onProgress: (l) => console.log(new Date().toISOString().slice(11,19), l) }).then((a) => console.log(a.binFolder, a.machineImage, a.manifestsFolder), (e) => { console.error(e); process.exit(1); });
