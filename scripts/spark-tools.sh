#!/usr/bin/env bash
# Installs Spark, and the libraries that docs/downstream/spark.md is about, once, into a cache outside the checkout, and prints where: `python/bin` with
# PySpark, and `jars`. Another version of anything is another folder.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(cat scripts/spark-tools.sh tests/downstream/requirements.txt | sha256sum | cut -c1-12)
tools=${XDG_CACHE_HOME:-$HOME/.cache}/kafka-eventhubs-bridge/spark-$version
if [[ -e $tools/complete ]]; then
    echo "$tools"
    exit
fi
echo "installing Spark to $tools: this fetches 350 MB" >&2
rm -rf "$tools"
mkdir -p "$tools"

python3 -m venv "$tools/python"
"$tools/python/bin/pip" --quiet --disable-pip-version-check --no-cache-dir install --requirement tests/downstream/requirements.txt

# dependency GROUP ARTIFACT VERSION [without]: with `without`, nothing of what it needs, because Spark has that or it is named here.
dependency() {
    local exclusions=
    if [[ ${4-} == without ]]; then
        exclusions="<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>"
    fi
    echo "<dependency><groupId>$1</groupId><artifactId>$2</artifactId><version>$3</version>$exclusions</dependency>"
}
cat >"$tools/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>t</groupId><artifactId>spark-libraries</artifactId><version>1</version><packaging>pom</packaging><dependencies>
$(dependency com.microsoft.azure azure-eventhubs-spark_2.12 2.3.22)
$(dependency org.apache.spark spark-sql-kafka-0-10_2.12 3.5.7 without)
$(dependency org.apache.spark spark-token-provider-kafka-0-10_2.12 3.5.7 without)
$(dependency org.apache.kafka kafka-clients 3.4.1 without)
$(dependency org.apache.commons commons-pool2 2.11.1 without)
$(dependency io.delta delta-spark_2.12 3.3.2 without)
$(dependency io.delta delta-storage 3.3.2 without)
</dependencies></project>
POM
mvn -q -B -f "$tools/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
    -DincludeScope=runtime -DexcludeArtifactIds=scala-library,slf4j-api -DoutputDirectory="$tools/jars" >&2

touch "$tools/complete"
echo "$tools"
